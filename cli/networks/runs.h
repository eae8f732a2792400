// The runs of the commands that need LibTorch, inside halfmoon_networks.so. Each checks what it is
// given, works, and reports; an error is returned, not printed.
#pragma once

#include "cli/networks/requests.h"

namespace halfmoon::cli {

Status RunTrain(TrainRequest request, int* exit_code);
Status RunExport(const ExportRequest& request);
Status RunAssess(const AssessRequest& request);
Status RunDemo(DemoRequest request, int* exit_code);

}  // namespace halfmoon::cli
