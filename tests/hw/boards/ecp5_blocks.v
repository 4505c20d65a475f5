// Behaviour of the ECP5's blocks of which Yosys has no model, as far as the designs here use them, after
// Lattice's guides to the memory, the DSP blocks and the clocks of the ECP5. What they are asked beyond
// that ends the simulation.

// A block RAM: 2048 granules of 9 bits. Where words are of 1, 2 or 4 bits, a granule has 8 bits of them.
module DP16KD(
  input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3,
  input DIA2, DIA1, DIA0,
  input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3,
  output DOA2, DOA1, DOA0,
  input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3,
  input DIB2, DIB1, DIB0,
  input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3,
  output DOB2, DOB1, DOB0
);
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18;
  parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG";
  parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC";
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL";
  parameter CSDECODE_A = "0b000", CSDECODE_B = "0b000";
  parameter CLKAMUX = "CLKA", CLKBMUX = "CLKB";
  parameter GSR = "DISABLED";
  parameter [319:0]
    INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0, INITVAL_04 = 0, INITVAL_05 = 0,
    INITVAL_06 = 0, INITVAL_07 = 0, INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0,
    INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0, INITVAL_10 = 0, INITVAL_11 = 0,
    INITVAL_12 = 0, INITVAL_13 = 0, INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0,
    INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0, INITVAL_1C = 0, INITVAL_1D = 0,
    INITVAL_1E = 0, INITVAL_1F = 0, INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0,
    INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0, INITVAL_28 = 0, INITVAL_29 = 0,
    INITVAL_2A = 0, INITVAL_2B = 0, INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0,
    INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0, INITVAL_34 = 0, INITVAL_35 = 0,
    INITVAL_36 = 0, INITVAL_37 = 0, INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0,
    INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;

  localparam [64 * 320 - 1:0] INIT = {
    INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
    INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30,
    INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
    INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20,
    INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
    INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
    INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
    INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
  };

  reg [8:0] granules [0:2047];
  initial for (integer n = 0; n < 2048; n = n + 1) granules[n] = INIT[20 * (n / 2) + 9 * (n % 2) +: 9];

  wire [35:0] written = {
    DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2,
    DIB1, DIB0, DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4,
    DIA3, DIA2, DIA1, DIA0
  };
  wire [13:0] to = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [13:0] from = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};

  // Written through port A: of 18 and 36 bits, the lowest bits of the address enable granules.
  always @(posedge CLKA)
    if (CEA && WEA)
      case (DATA_WIDTH_A)
        36: for (integer n = 0; n < 4; n = n + 1) if (to[n]) granules[{to[13:5], n[1:0]}] <= written[9 * n +: 9];
        18: for (integer n = 0; n < 2; n = n + 1) if (to[n]) granules[{to[13:4], n[0]}] <= written[9 * n +: 9];
        9: granules[to[13:3]] <= written[8:0];
        4: granules[to[13:3]][4 * to[2] +: 4] <= written[3:0];
        2: granules[to[13:3]][2 * to[2:1] +: 2] <= written[1:0];
        1: granules[to[13:3]][to[2:0]] <= written[0];
      endcase

  // Read through both ports: with 36 bits through B alone, and the lower half comes out at A. The mode says
  // whether a port gives something while it is written through.
  function [17:0] word(input integer width, input [13:0] address);
    case (width)
      18: word = {granules[{address[13:4], 1'b1}], granules[{address[13:4], 1'b0}]};
      9: word = {9'b0, granules[address[13:3]]};
      4: word = {14'b0, granules[address[13:3]][4 * address[2] +: 4]};
      2: word = {16'b0, granules[address[13:3]][2 * address[2:1] +: 2]};
      default: word = {17'b0, granules[address[13:3]][address[2:0]]};
    endcase
  endfunction
  reg [17:0] found_a = 0, kept_a = 0, found_b = 0, kept_b = 0, lower = 0;
  always @(posedge CLKA) begin
    if (CEA && (!WEA || WRITEMODE_A == "READBEFOREWRITE")) found_a <= word(DATA_WIDTH_A, to);
    if (OCEA) kept_a <= found_a;
  end
  always @(posedge CLKB) begin
    if (CEB && DATA_WIDTH_B != 36) found_b <= word(DATA_WIDTH_B, from);
    if (CEB && DATA_WIDTH_B == 36) begin
      lower <= {granules[{from[13:5], 2'd1}], granules[{from[13:5], 2'd0}]};
      found_b <= {granules[{from[13:5], 2'd3}], granules[{from[13:5], 2'd2}]};
    end
    if (OCEB) kept_b <= found_b;
  end
  wire [17:0] at_a = DATA_WIDTH_B == 36 ? lower : REGMODE_A == "OUTREG" ? kept_a : found_a;
  wire [17:0] at_b = REGMODE_B == "OUTREG" ? kept_b : found_b;
  assign {
    DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2,
    DOB1, DOB0, DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4,
    DOA3, DOA2, DOA1, DOA0
  } = {at_b, at_a};

  always @(posedge CLKB)
    if (WEB || RSTA || RSTB || CSA0 || CSA1 || CSA2 || CSB0 || CSB1 || CSB2)
      $fatal(1, "DP16KD: written through port B, reset or not selected");
  initial
    if (DATA_WIDTH_B == 36 && REGMODE_B == "OUTREG" || WRITEMODE_A == "WRITETHROUGH" || WRITEMODE_B == "WRITETHROUGH")
      $fatal(1, "DP16KD: a mode that this model does not have");
  initial
    if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000" || CLKAMUX != "CLKA" || CLKBMUX != "CLKB")
      $fatal(1, "DP16KD: a setting that this model does not have");
endmodule

// A multiplier of two signed factors, with its registers at both ends.
module MULT18X18D(
  input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  input CLK3, CLK2, CLK1, CLK0, CE3, CE2, CE1, CE0, RST3, RST2, RST1, RST0,
  output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
  output P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  parameter REG_INPUTA_CLK = "NONE", REG_INPUTA_CE = "CE0", REG_INPUTA_RST = "RST0";
  parameter REG_INPUTB_CLK = "NONE", REG_INPUTB_CE = "CE0", REG_INPUTB_RST = "RST0";
  parameter REG_OUTPUT_CLK = "NONE", REG_OUTPUT_CE = "CE0", REG_OUTPUT_RST = "RST0";
  parameter GSR = "DISABLED", RESETMODE = "SYNC";

  wire signed [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
  wire signed [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
  reg signed [17:0] held_a = 0, held_b = 0;
  reg signed [35:0] product = 0;
  always @(posedge CLK0)
    if (CE0) begin
      held_a <= a;
      held_b <= b;
      product <= held_a * held_b;
    end
  assign {
    P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
  } = product;

  always @(posedge CLK0)
    if (!SIGNEDA || !SIGNEDB || SOURCEA || SOURCEB || RST0)
      $fatal(1, "MULT18X18D: unsigned, in a cascade, or reset");
  initial
    if (REG_INPUTA_CLK != "CLK0" || REG_INPUTB_CLK != "CLK0" || REG_OUTPUT_CLK != "CLK0")
      $fatal(1, "MULT18X18D: a register that is left out");
endmodule

// The PLL's clock is that of the simulation, after a while.
module EHXPLLL(
  input CLKI, CLKFB, RST, STDBY, PHASESEL1, PHASESEL0, PHASEDIR, PHASESTEP, PHASELOADREG, PLLWAKESYNC, ENCLKOP,
  output CLKOP, LOCK
);
  parameter CLKI_DIV = 1, CLKFB_DIV = 1, CLKOP_DIV = 8, CLKOP_CPHASE = 0, CLKOP_FPHASE = 0;
  parameter CLKOP_ENABLE = "ENABLED", OUTDIVIDER_MUXA = "DIVA", FEEDBK_PATH = "CLKOP";
  parameter PLLRST_ENA = "DISABLED", INTFB_WAKE = "DISABLED", STDBY_ENABLE = "DISABLED";
  parameter DPHASE_SOURCE = "DISABLED";
  reg [7:0] waited = 0;
  assign CLKOP = CLKI;
  assign LOCK = &waited;
  always @(posedge CLKI) if (!LOCK) waited <= waited + 1;
endmodule

// TRELLIS_IO, read or driven.
module INPUT_PIN(input B, output O);
  parameter DIR = "INPUT";
  assign O = B;
endmodule

module OUTPUT_PIN(output B, input I, T);
  parameter DIR = "OUTPUT";
  assign B = I;
  always @(*) if (T) $fatal(1, "TRELLIS_IO: an output that is not driven");
endmodule
