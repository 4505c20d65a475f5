"""Simulation: Verilog export, native models behind the driver's transport, cocotb benches."""
