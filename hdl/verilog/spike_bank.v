// One write and one read port, registered read. The engine never reads and writes one address in the same cycle,
// so the tools need not guard that case.
module spike_bank #(
    parameter WIDTH = 64,
    parameter DEPTH = 512,
    parameter ADDRESS = 9
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
    always @(posedge clk) begin
        if (write_en) mem[write_addr] <= write_data;
        read_data <= mem[read_addr];
    end
endmodule
