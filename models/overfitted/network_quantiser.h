// Chooses how finely the networks of a picture are written. std only.
#pragma once

#include <functional>

#include "models/overfitted/integer_networks.h"

namespace halfmoon::overfitted {

// The coarsest steps that pay: a tensor's step doubles as long as `loss` plus the bits of its
// numbers times `price` falls. loss(networks): what the picture costs with these networks.
IntegerNetworks ChooseSteps(const Networks& networks, double price,
                            const std::function<double(const Networks&)>& loss);

// Rounds with the steps that `like` has.
IntegerNetworks RoundLike(const IntegerNetworks& like, const Networks& networks);

}  // namespace halfmoon::overfitted
