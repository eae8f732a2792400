// The table behind network_models.h, for what links LibTorch. Internal; no LibTorch in this header.
#pragma once

#include "codec/store/network_models.h"

namespace halfmoon {

const NetworkModels& LinkedNetworkModels();

}  // namespace halfmoon
