// What the process needs before it does anything else. POSIX; no codec headers.
#pragma once

namespace halfmoon::cli {

// Makes descriptors 0 to 2 exist and writing to closed pipes and past file size limits an error.
// To be called first, with one thread.
void PrepareProcess();

}  // namespace halfmoon::cli
