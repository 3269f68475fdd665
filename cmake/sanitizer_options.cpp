// Linked into every executable of a sanitizer build (presets asan and tsan), so that the build's
// own calls, the tests and the programs that they start all run with the same options.

extern "C" {

// A crash must stay a signal: the tests look for it in the store. LibTorch keeps what it allocates
// until the process ends. The static library of the host's torch-free part is in the executable and
// in liblabhost.so alike, on purpose.
const char* __asan_default_options() {
  return "detect_leaks=0:detect_odr_violation=0:handle_segv=0";
}

const char* __ubsan_default_options() { return "print_stacktrace=1:halt_on_error=1"; }

const char* __tsan_default_options() { return "halt_on_error=1"; }

// Libraries that are not built with ThreadSanitizer synchronise in ways that it cannot see.
const char* __tsan_default_suppressions() {
  return "race:libgomp.so\n"
         "race:libtorch_cpu.so\n"
         "race:libc10.so\n"
         "race:libopenblas\n";
}
}
