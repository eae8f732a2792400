// How many threads LibTorch and its BLAS use, and which BLAS that is. No LibTorch in this header.
#pragma once

#include <string>

namespace halfmoon::networks {

// Sets the threads of LibTorch's operations and of OpenBLAS for the calling thread's work. LibTorch
// starts with one; OpenBLAS with one per core, whoever calls it.
void SetComputeThreads(int threads);

// Makes OpenBLAS use the processor's best kernels where its own choice is known to be bad (see the
// source). Done once; SetComputeThreads does it too. Results differ in the last digits before and
// after, so a program that compares calls this first.
void ChooseBlasKernels();

// The matrix library LibTorch calls, e.g. "OpenBLAS 0.3.21 (Zen)", "reference BLAS".
std::string BlasName();

// True for Debian's default reference BLAS: measured 17 times slower than OpenBLAS.
bool BlasIsSlow();

}  // namespace halfmoon::networks
