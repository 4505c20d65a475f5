// A Verilated byte-stream design behind a C interface: bytes are queued, and cycles run until bytes are there.
//
// The design has ports clk, rst, rx (bytes in) and tx (bytes out), as the wrapper in verilator.py names them; a byte
// passes in each cycle with valid and ready.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <vector>

#include "Vmodel.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

double sc_time_stamp() { return 0; }  // the run-time library asks for it; no design of ours asks for $time

namespace {

// Stalls that are the same whenever the seed is (Marsaglia's xorshift64*).
class Stalls {
public:
    void set(uint64_t seed, double probability) {
        state = seed * 2 + 1;  // never 0
        threshold = static_cast<uint64_t>(probability * 4294967296.0);
    }

    bool draw() {
        if (!threshold) return false;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return (state * 0x2545F4914F6CDD1DULL) >> 32 < threshold;
    }

private:
    uint64_t state = 1;
    uint64_t threshold = 0;
};

std::unique_ptr<Vmodel> power_on(VerilatedContext& context, bool traced) {
    context.traceEverOn(traced);  // before the model is made
    context.fatalOnError(false);  // a failed assertion stops the run, not the process
    return std::make_unique<Vmodel>(&context);
}

struct Design {
    VerilatedContext context;
    std::unique_ptr<Vmodel> model;
#if VM_TRACE
    VerilatedVcdC trace;
#endif
    std::vector<uint8_t> to_send;
    size_t sent = 0;
    std::deque<uint8_t> received;
    uint64_t cycles = 0;
    Stalls rx_stalls, tx_stalls;

    explicit Design(const char* trace_file) : model(power_on(context, trace_file != nullptr)) {
#if VM_TRACE
        if (trace_file) {
            model->trace(&trace, 99);
            trace.open(trace_file);
        }
#endif
        model->rst = 0;
        quiet();
    }

    ~Design() {
        model->final();
#if VM_TRACE
        if (trace.isOpen()) trace.close();
#endif
    }

    void quiet() {
        model->rx_valid = 0;
        model->rx_payload = 0;
        model->tx_ready = 0;
    }

    void settle() {
        model->clk = 0;
        model->eval();
        dump(0);
    }

    void edge() {
        model->clk = 1;
        model->eval();
        dump(5);
        cycles++;
    }

    // 10 ns a cycle, rising edge in its middle.
    void dump(uint64_t phase) {
#if VM_TRACE
        if (trace.isOpen()) trace.dump(cycles * 10 + phase);
#else
        (void)phase;
#endif
    }

    void step() {
        // Valid once given stays until the byte is taken, as stream rules have it.
        if (!model->rx_valid && sent < to_send.size() && !rx_stalls.draw()) {
            model->rx_valid = 1;
            model->rx_payload = to_send[sent];
        }
        model->tx_ready = !tx_stalls.draw();
        settle();
        const bool taken = model->rx_valid && model->rx_ready;
        if (model->tx_valid && model->tx_ready) received.push_back(model->tx_payload);
        edge();
        if (taken) {
            sent++;
            model->rx_valid = 0;
        }
    }

    void reset() {
        quiet();
        to_send.clear();
        sent = 0;
        received.clear();
        for (int i = 0; i < 3; i++) {
            model->rst = i < 2;  // the design sees it a cycle later
            settle();
            edge();
        }
    }
};

}  // namespace

#define API extern "C" __attribute__((visibility("default")))

// A design just powered on. `trace_file` is null, or the VCD file to write where the model was built for it.
API Design* stillframe_create(const char* trace_file) { return new Design(trace_file); }

API void stillframe_destroy(Design* design) { delete design; }

// Hold rst for two cycles and drop all bytes on their way.
API void stillframe_reset(Design* design) { design->reset(); }

// From now on each side of each stream pauses in a cycle with this probability.
API void stillframe_stall(Design* design, uint64_t seed, double probability) {
    design->rx_stalls.set(seed * 2, probability);
    design->tx_stalls.set(seed * 2 + 1, probability);
}

// Queue bytes; no cycle runs.
API void stillframe_write(Design* design, const uint8_t* bytes, size_t count) {
    if (design->sent == design->to_send.size()) {
        design->to_send.clear();
        design->sent = 0;
    }
    design->to_send.insert(design->to_send.end(), bytes, bytes + count);
}

// Run until `wanted` bytes are received, `cycles` cycles are over or an assertion fails; the bytes that are there.
API size_t stillframe_run(Design* design, size_t wanted, uint64_t cycles) {
    while (cycles-- && design->received.size() < wanted && !design->context.gotError()) design->step();
    return design->received.size();
}

// Whether an assertion of the design has failed; which one has been printed.
API bool stillframe_failed(const Design* design) {
    std::fflush(stdout);
    return design->context.gotError();
}

// Take up to `count` received bytes; their number.
API size_t stillframe_read(Design* design, uint8_t* bytes, size_t count) {
    size_t taken = 0;
    for (; taken < count && !design->received.empty(); taken++) {
        bytes[taken] = design->received.front();
        design->received.pop_front();
    }
    return taken;
}

API uint64_t stillframe_cycles(const Design* design) { return design->cycles; }
