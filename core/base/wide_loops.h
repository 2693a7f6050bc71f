// Loops that are worth wider vectors than the program is built for.
#pragma once

/// Before a function of plain loops: compiled for AVX2 too, and the processor's version is taken at
/// start-up. The sanitizers' runtimes do not survive the choice.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define HEADSCOPE_WIDE __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define HEADSCOPE_WIDE
#endif
