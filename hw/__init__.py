"""The accelerator in Amaranth: see README.md beside this file, and accelerator.py, the top."""
