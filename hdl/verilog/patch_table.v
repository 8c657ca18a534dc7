// A table whose first rows come from a hex file and whose last rows are written at run time (the token selector's plan).
module patch_table #(
    parameter WIDTH = 32,
    parameter DEPTH = 512,
    parameter ADDRESS = 9,
    parameter FILE = "table.hex"
) (
    input wire clk,
    input wire write_en,
    input wire [ADDRESS-1:0] write_addr,
    input wire [WIDTH-1:0] write_data,
    input wire [ADDRESS-1:0] read_addr,
    output reg [WIDTH-1:0] read_data
);
    (* no_rw_check *)
    reg [WIDTH-1:0] mem [0:DEPTH-1];
    initial $readmemh(FILE, mem);
    always @(posedge clk) begin
        if (write_en) mem[write_addr] <= write_data;
        read_data <= mem[read_addr];
    end
endmodule
