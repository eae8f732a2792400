// Dependent quantisation where a network learns: the path that an encoder takes, and its gradient.
// LibTorch.
#pragma once

#include <memory>

#include "bitstream/cdf_tables.h"
#include "bitstream/dependent_quantiser.h"
#include "models/networks/entropy_prior.h"

namespace halfmoon::networks {

// Quantises a latent as an encoder does (bitstream/trellis.h), straight-through: the gradient by
// what comes out is that by what went in. Bits are what the tables say, without a gradient.
//
// A pass is walked in the order of its slots, not of the file, so that paths differ from those of
// an encoder; what they cost in bits and error is alike. May be called from several threads.
//
// REQUIRES: cdf.count() == tables.count(), tables.scales == kScaleTables.
LatentQuantiser DependentRounding(std::shared_ptr<const CdfTables> cdf,
                                  const DependentTables& tables);

}  // namespace halfmoon::networks
