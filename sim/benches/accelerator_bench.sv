// The accelerator between files: pixels from images.hex, answers to results.hex, observations to trace.bin.
// Clock and streams live here, so that the cocotb bench wakes only at the end: an order of magnitude in speed.
module accelerator_bench #(
    parameter LANES = 64,
    parameter BANKS = 4,
    parameter STREAMS = 1,
    parameter ADDRESS = 9,
    parameter IMAGE_BYTES = 65536  // most bytes of all images of a run
) (
    input bit go,            // start, once the numbers below stand
    input int image_bytes,   // bytes of one image
    input int images,        // images of the run
    input longint patience,      // cycles without an answer before the run is given up
    input int stall,         // stalls on both streams, in 256ths of the cycles
    input bit tracing,       // write trace.bin
    output bit done,
    output bit timed_out,
    output int cycles
);
    bit clk, rst;
    reg [7:0] memory [0:IMAGE_BYTES-1];
    bit pixel_valid, result_ready;
    wire pixel_ready, result_valid, result_last;
    wire [31:0] result_data;
    int sent, received, results_file, trace_file, count_file, cycles_file;
    longint waited, records;

    wire [15:0] layer;
    wire [BANKS-1:0] write_en;
    wire [ADDRESS*BANKS-1:0] write_addr;
    wire [LANES*BANKS-1:0] write_data;
    wire [STREAMS-1:0] word_en;
    wire [LANES*STREAMS-1:0] word;
    wire kept_en;
    wire [31:0] kept;

    accelerator dut (
        .clk(clk), .rst(rst),
        .pixels__payload(memory[sent]), .pixels__valid(pixel_valid), .pixels__ready(pixel_ready),
        .results__payload({result_last, result_data}), .results__valid(result_valid), .results__ready(result_ready),
        .trace_layer(layer),
        .trace_write_en(write_en), .trace_write_addr(write_addr), .trace_write_data(write_data),
        .trace_word_en(word_en), .trace_word(word),
        .trace_kept_en(kept_en), .trace_kept(kept)
    );

    always #5 clk = ~clk;

    initial begin
        rst = 1;
        wait (go);
        $readmemh("images.hex", memory, 0, image_bytes * images - 1);
        results_file = $fopen("results.hex", "w");
        if (tracing) trace_file = $fopen("trace.bin", "wb");
        repeat (4) @(posedge clk);
        rst = 0;
        wait (done);
        $fclose(results_file);
        if (tracing) begin
            $fclose(trace_file);
            // how many there must be: what a full disk swallows, $fwrite does not tell
            count_file = $fopen("records.hex", "w");
            $fwrite(count_file, "%h\n", records);
            $fclose(count_file);
        end
    end

    // for those who wait: how far it is, every 65 536 cycles
    initial while (!done) begin
        @(posedge clk);
        if (cycles[15:0] == 16'hffff) begin
            cycles_file = $fopen("cycles.txt", "w");
            $fwrite(cycles_file, "%0d\n", cycles);
            $fclose(cycles_file);
        end
    end

    always @(posedge clk) if (!rst && !done) begin
        cycles <= cycles + 1;
        waited <= waited + 1;
        if (pixel_valid && pixel_ready) begin
            sent <= sent + 1;
            pixel_valid <= 0;
        end
        if ((!pixel_valid || pixel_ready)
            && sent + ((pixel_valid && pixel_ready) ? 1 : 0) < image_bytes * images
            && (stall == 0 || ($urandom & 255) >= stall)) pixel_valid <= 1;
        result_ready <= stall == 0 || ($urandom & 255) >= stall;
        if (result_valid && result_ready) begin
            waited <= 0;
            $fwrite(results_file, "%h %b\n", result_data, result_last);
            if (result_last) begin
                received <= received + 1;
                if (received + 1 == images) done <= 1;
            end
        end
        if (waited == patience) begin
            timed_out <= 1;
            done <= 1;
        end
    end


    // records: {kind, bank or stream, descriptor} then address or index, then the word; all in 32-bit pieces
    localparam PIECES = (LANES + 31) / 32;
    always @(posedge clk) if (tracing && !rst && !done) begin
        records <= records + 64'($countones(write_en)) + 64'($countones(word_en)) + 64'(kept_en);
        for (int b = 0; b < BANKS; b++) if (write_en[b])
            $fwrite(trace_file, "%u", {(PIECES * 32)'(write_data[b*LANES +: LANES]),
                32'(write_addr[b*ADDRESS +: ADDRESS]), 8'd0, 8'(b), layer});
        for (int s = 0; s < STREAMS; s++) if (word_en[s])
            $fwrite(trace_file, "%u", {(PIECES * 32)'(word[s*LANES +: LANES]), 32'd0, 8'd1, 8'(s), layer});
        if (kept_en) $fwrite(trace_file, "%u", {(PIECES * 32)'(0), kept, 8'd2, 8'd0, layer});
    end
endmodule
