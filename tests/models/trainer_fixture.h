// Short training runs of a tiny AE in a folder of their own. LibTorch.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "models/training/loop/trainer.h"
#include "tests/models/tiny_model.h"

namespace halfmoon::testing {

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest() : dir_(::testing::TempDir() + "trainer_test_" + std::to_string(getpid())) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    const training::Pack pack = TestPack(10, 256);
    std::ofstream(dir_ + "/data.hmnpack", std::ios::binary)
        .write(reinterpret_cast<const char*>(pack.bytes.data()),
               static_cast<std::streamsize>(pack.bytes.size()));
  }
  ~TrainerTest() override { std::filesystem::remove_all(dir_); }

  training::TrainOptions Options(const std::string& out, std::int64_t steps) const {
    training::TrainOptions o;
    o.recipe.name = "tiny";
    o.recipe.model = ToJson(TinyConfig());
    o.recipe.batch = 4;
    o.recipe.crop = 64;
    o.recipe.warmup_steps = 5;
    o.recipe.learning_rate = 2e-3;
    o.packs = {dir_ + "/data.hmnpack"};
    o.out_dir = dir_ + "/" + out;
    o.budget.steps = steps;
    o.workers = 1;
    o.precision = "float32";  // "auto" may choose differently from run to run
    o.validation_pictures = 2;
    return o;
  }
  static training::TrainCallback Ignore() {
    return [](const training::TrainProgress&) { return true; };
  }
  std::string dir_;
};

}  // namespace halfmoon::testing
