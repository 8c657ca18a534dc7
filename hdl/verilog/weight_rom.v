// A ROM that reads its contents from a hex file: weights, counts, neuron parameters, program.
// No reset and no enable on the read register, so that every tool maps it to block RAM.
module weight_rom #(
    parameter WIDTH = 32,
    parameter DEPTH = 512,
    parameter ADDRESS = 9,
    parameter FILE = "rom.hex"
) (
    input wire clk,
    input wire [ADDRESS-1:0] addr,
    output reg [WIDTH-1:0] data
);
    reg [WIDTH-1:0] mem [0:DEPTH-1];
    initial $readmemh(FILE, mem);
    always @(posedge clk) data <= mem[addr];
endmodule
