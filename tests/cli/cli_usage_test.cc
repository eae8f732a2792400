// Wrong and right command lines that need no model: exit codes and exact messages.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/cli/cli_runner.h"

namespace halfmoon::testing {
namespace {

struct UsageCase {
  std::string name;
  std::vector<std::string> arguments;  // "{dir}" stands for the test's folder
  int exit_code;
  std::string message;  // after "halfmoon: error: "; "{dir}" as above
};

void PrintTo(const UsageCase& c, std::ostream* out) { *out << c.name; }

std::string Fill(std::string text, const TempFolder& folder) {
  for (std::size_t at; (at = text.find("{dir}")) != std::string::npos;) {
    text.replace(at, 5, folder.path().string());
  }
  return text;
}

class Usage : public ::testing::TestWithParam<UsageCase> {};

// The folder holds picture.png, taken.hmn, taken.png, cut_off.hmn, damaged.hmn, minimal.hmn, a
// folder "folder" and text.txt; nothing of it may change, and nothing be added.
TEST_P(Usage, IsRefusedWithExactMessageAndNoOutput) {
  const TempFolder folder;
  WritePicture(folder / "picture.png", 20, 10);
  WriteText(folder / "taken.hmn", "precious");
  WriteText(folder / "taken.png", "precious");
  WriteText(folder / "text.txt", "hello, this is text\n");
  WriteText(folder / "empty.png", "");
  const std::string golden = HALFMOON_SOURCE_DIR "/tests/golden/container/";
  WriteText(folder / "minimal.hmn", ReadText(golden + "minimal.hmn"));
  WriteText(folder / "cut_off.hmn", ReadText(golden + "cut_off.hmn"));
  WriteText(folder / "damaged.hmn", ReadText(golden + "header_damaged.hmn"));
  WriteText(folder / "newer.hmn", ReadText(golden + "newer_major.hmn"));
  std::filesystem::create_directory(folder / "folder");
  const std::vector<std::string> before = folder.List();
  const std::string picture = ReadText(folder / "picture.png");

  std::vector<std::string> arguments;
  for (const std::string& a : GetParam().arguments) arguments.push_back(Fill(a, folder));
  const CliResult result = RunCli(arguments);
  EXPECT_EQ(result.exit_code, GetParam().exit_code) << result.err;
  EXPECT_EQ(result.err, "halfmoon: error: " + Fill(GetParam().message, folder) + "\n");
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(folder.List(), before);
  EXPECT_EQ(ReadText(folder / "taken.hmn"), "precious");
  EXPECT_EQ(ReadText(folder / "taken.png"), "precious");
  EXPECT_EQ(ReadText(folder / "picture.png"), picture);
}

// Each row: name, command line, exit code, message.
const UsageCase kUsageCases[] = {
    // --- The command line itself: 2 ------------------------------------------------------------
    {"UnknownCommand", {"frobnicate"}, 2, "unknown command 'frobnicate'; see 'halfmoon --help'"},
    {"UnknownOption",
     {"compress", "a.png", "--frob"},
     2,
     "unknown option '--frob'; see 'halfmoon compress --help'"},
    {"NoInput", {"compress"}, 2, "input is required; see 'halfmoon compress --help'"},
    {"QualityIsNoNumber",
     {"compress", "{dir}/picture.png", "-q", "best"},
     2,
     "--quality 'best' is no number; legal are 0 to 100"},
    {"QualityTooHigh",
     {"compress", "{dir}/picture.png", "-q", "101"},
     2,
     "--quality 101 is out of range; legal are 0 to 100"},
    {"QualityNegative",
     {"compress", "{dir}/picture.png", "-q", "-1"},
     2,
     "--quality -1 is out of range; legal are 0 to 100"},
    {"QualityIsNan",
     {"compress", "{dir}/picture.png", "-q", "nan"},
     2,
     "--quality 'nan' is no number; legal are 0 to 100"},
    {"TargetAndQuality",
     {"compress", "{dir}/picture.png", "-q", "3", "--target-size", "1k"},
     2,
     "--quality excludes --target-size; see 'halfmoon compress --help'"},
    {"TargetOfNothing",
     {"compress", "{dir}/picture.png", "--target-bpp", "0"},
     2,
     "--target-bpp 0 is out of range; legal are above 0, up to 1000"},
    {"TargetOfEverything",
     {"compress", "{dir}/picture.png", "--target-msssim", "1"},
     2,
     "--target-msssim 1 is out of range; legal are above 0 and below 1"},
    {"SampleSize",
     {"sample", "--model", "vqvae", "--size", "12", "-o", "{dir}/a.png"},
     2,
     "size '12' is not WIDTHxHEIGHT, e.g. 512x384"},
    {"SampleClassOfAVae",
     {"sample", "--model", "vae-moons", "--class", "full", "-o", "{dir}/a.png"},
     2,
     "model 'vae-moons' takes no classes; for models with a prior for prompts or classes only"},
    {"SamplePriorOfAVae",
     {"sample", "--model", "vae-moons", "--prior", "prompts-emoji", "-o", "{dir}/a.png"},
     2,
     "model 'vae-moons' with prior 'prompts-emoji': 'prompts-emoji' is no prior of a VAE; legal: "
     "'normal', 'mixture'"},
    {"SampleMixtureThatIsNotThere",
     {"sample", "--model", "ae-fashion", "--prior", "mixture", "-o", "{dir}/a.png"},
     2,
     "model 'ae-fashion' with prior 'mixture': the model has no mixture of codes; 'halfmoon export "
     "--data PACK' fits one"},
    {"SamplePriorOfTheCodec",
     {"sample", "--model", "vqvae", "--prior", "prompts-emoji", "-o", "{dir}/a.png"},
     2,
     "model 'vqvae' takes no prior: it draws its pictures itself"},
    {"SampleTopP",
     {"sample", "--model", "vqvae-emoji", "--top-p", "0", "-o", "{dir}/a.png"},
     2,
     "--top-p 0 is out of range; legal are above 0, up to 1"},
    {"SampleUnknownClass",
     {"sample", "--model", "vqvae-fashion", "--class", "sock", "-o", "{dir}/a.png"},
     2,
     "there is no class 'sock'; this model has: T-shirt/top, Trouser, Pullover, Dress, Coat, "
     "Sandal, Shirt, "
     "Sneaker, Bag, Ankle boot"},
    {"SampleFileOfMany",
     {"sample", "--model", "vqvae", "--count", "2", "-o", "{dir}/a.hmn"},
     2,
     "{dir}/a.hmn: a .hmn file holds one picture as it is; leave out --count, --grid and "
     "--enlarge"},
    {"TooManyThreads",
     {"compress", "{dir}/picture.png", "--threads", "257"},
     2,
     "--threads 257 is out of range; legal are 0 (one per core) to 256"},
    {"JpegQuality",
     {"decompress", "{dir}/minimal.hmn", "--jpeg-quality", "0"},
     2,
     "--jpeg-quality 0 is out of range; legal are 1 to 100"},
    {"WrongEndingOfCompress",
     {"compress", "{dir}/picture.png", "-o", "{dir}/a.jpg"},
     2,
     "{dir}/a.jpg: unknown file name ending '.jpg'; use .hmn"},
    {"NoEndingOfCompress",
     {"compress", "{dir}/picture.png", "-o", "{dir}/a"},
     2,
     "{dir}/a: no file name ending; use .hmn"},
    {"WrongEndingOfDecompress",
     {"decompress", "{dir}/minimal.hmn", "-o", "{dir}/a.gif"},
     2,
     "{dir}/a.gif: unknown file name ending '.gif'; use .png, .jpg, .jpeg, .jpe, "
     ".jfif, .jif, .ppm, .pgm, .pnm or .pam, or give --format"},
    {"TuneForTheUnknown",
     {"compress", "{dir}/picture.png", "--tune", "vmaf"},
     2,
     "--tune 'vmaf' is unknown; legal are psnr, ms-ssim"},
    {"TuneAndModel",
     {"compress", "{dir}/picture.png", "--tune", "psnr", "--model", "vqvae"},
     2,
     "--model excludes --tune; see 'halfmoon compress --help'"},
    {"SameFile",
     {"compress", "{dir}/taken.hmn", "--force"},
     2,
     "{dir}/taken.hmn: is both input and output; give another output with -o"},
    {"StandardInputNeedsAnOutput",
     {"compress", "-"},
     2,
     "-: standard input has no name to derive the output's from; give -o FILE, or -o - for "
     "standard output"},
    // --- Not ours: 3 ---------------------------------------------------------------------------
    {"CompressText",
     {"compress", "{dir}/text.txt", "-o", "{dir}/a.hmn"},
     3,
     "{dir}/text.txt: not a picture of a known format; PNG, JPEG, PNM and PAM are read"},
    {"CompressHalfmoonFile",
     {"compress", "{dir}/minimal.hmn", "-o", "{dir}/a.hmn"},
     3,
     "{dir}/minimal.hmn: is a Halfmoon file already; 'halfmoon decompress' gives the picture"},
    {"DecompressPicture",
     {"decompress", "{dir}/picture.png", "-o", "{dir}/a.png"},
     3,
     "{dir}/picture.png: no .hmn file: the first bytes at offset 0 are not 8D 48 4D 4E; check the "
     "file name"},
    {"DecompressNewerFormat",
     {"decompress", "{dir}/newer.hmn"},
     3,
     "{dir}/newer.hmn: header field format major at offset 4 is 1, legal is at most 0; use a newer "
     "Halfmoon"},
    // --- Damaged: 4 ----------------------------------------------------------------------------
    {"InfoOfDamagedHeader",
     {"info", "{dir}/damaged.hmn"},
     4,
     "{dir}/damaged.hmn: header checksum at offset 34 is 0xC3443AF9, computed is "
     "0x47385A2D; the file is damaged, get a fresh copy"},
    {"DecompressDamagedHeader",
     {"decompress", "{dir}/damaged.hmn"},
     4,
     "{dir}/damaged.hmn: header checksum at offset 34 is 0xC3443AF9, computed is "
     "0x47385A2D; the file is damaged, get a fresh copy"},
    {"DecompressCutOff",
     {"decompress", "{dir}/cut_off.hmn", "--models-dir", HALFMOON_SOURCE_DIR "/tests/golden/model"},
     4,
     "{dir}/cut_off.hmn: chunk LATT of 5 bytes at offset 38 reaches beyond the end of the file at "
     "51; the file is cut off, get a fresh copy"},
    // --- Models: 5 -----------------------------------------------------------------------------
    {"NoModels",
     {"models", "--models-dir", "{dir}/folder"},
     5,
     "there is no \"{dir}/folder/manifest.json\"; name the models directory with --models-dir or "
     "HALFMOON_MODELS_DIR"},
    {"CompressWithoutModels",
     {"compress", "{dir}/picture.png", "--models-dir", "{dir}/folder"},
     5,
     "there is no \"{dir}/folder/manifest.json\"; name the models directory with --models-dir or "
     "HALFMOON_MODELS_DIR"},
    {"VerifyWithoutModels",
     {"verify", "{dir}/minimal.hmn", "--models-dir", "{dir}/folder"},
     5,
     "{dir}/minimal.hmn: there is no \"{dir}/folder/manifest.json\"; name the models directory "
     "with "
     "--models-dir or HALFMOON_MODELS_DIR"},
    // --- Input and output: 7 -------------------------------------------------------------------
    {"MissingInput", {"compress", "{dir}/none.png"}, 7, "{dir}/none.png: no such file"},
    {"FolderWithoutPictures",
     {"compress", "{dir}/folder"},
     2,
     "{dir}/folder: no file with one of the endings .png, .apng, .jpg, .jpeg, .jpe, .jfif, .jif, "
     ".ppm, .pgm, .pbm, .pnm, .pam"},
    {"FolderAsInput", {"info", "{dir}/folder"}, 7, "{dir}/folder: is a directory, not a file"},
    {"InfoOfMissing", {"info", "{dir}/none.hmn"}, 7, "{dir}/none.hmn: no such file"},
    {"TargetExists",
     {"compress", "{dir}/picture.png", "-o", "{dir}/taken.hmn"},
     7,
     "{dir}/taken.hmn: the file exists; give another name, or move it away"},
    {"TargetExistsDecompress",
     {"decompress", "{dir}/minimal.hmn", "-o", "{dir}/taken.png"},
     7,
     "{dir}/taken.png: the file exists; give another name, or move it away"},
    {"TargetFolderMissing",
     {"compress", "{dir}/picture.png", "-o", "{dir}/no/a.hmn"},
     7,
     "{dir}/no/a.hmn: the folder '{dir}/no' does not exist; create it first"},
    {"PlotOfMissing", {"plot", "{dir}/none.jsonl"}, 7, "{dir}/none.jsonl: no such file"},
    {"EvalOfEmptyFolder",
     {"eval", "--dataset", "{dir}/folder", "--codec", "jpeg", "--out", "{dir}/r"},
     2,
     "{dir}/folder: no PNG or JPEG file in this folder; name another one"},
    {"EvalWithoutPictures",
     {"eval", "--codec", "jpeg"},
     2,
     "no pictures; name PNG or JPEG files, or folders of them"},
    {"EvalOfMissing",
     {"eval", "{dir}/none.png", "--codec", "jpeg"},
     7,
     "{dir}/none.png: no such file"},
    {"EvalUnknownOption",
     {"eval", "--dataset", "{dir}", "--codec", "jpeg:fast", "--out", "{dir}/r"},
     2,
     "jpeg: unknown option 'fast'; valid options: yuv=420|444 (420), optimised, progressive"},
    {"EvalPoints",
     {"eval", "--dataset", "{dir}", "--codec", "jpeg", "--points", "0", "--out", "{dir}/r"},
     2,
     "--points 0 is out of range; legal are 1 to 100"},
    {"EvalQuality",
     {"eval", "--dataset", "{dir}", "--codec", "jpeg", "--quality", "0,50", "--out", "{dir}/r"},
     2,
     "jpeg: quality 0 is out of range; legal are 1 to 100"},
    {"EvalAnchorsMissing",
     {"eval", "--dataset", "{dir}", "--codec", "jpeg", "--anchors", "{dir}/none.json", "--out",
      "{dir}/r"},
     7,
     "{dir}/none.json: no such file"},
    {"CompareOfMissing",
     {"compare", "{dir}/picture.png", "{dir}/none.png"},
     7,
     "{dir}/none.png: no such file"},
    {"CompareOfText",
     {"compare", "{dir}/picture.png", "{dir}/text.txt"},
     3,
     "{dir}/text.txt: not a picture of a known format; PNG, JPEG, PNM and PAM are read"},
    {"CompareHeatmapEnding",
     {"compare", "{dir}/picture.png", "{dir}/picture.png", "--heatmap", "{dir}/a.jpg"},
     2,
     "{dir}/a.jpg: unknown file name ending '.jpg'; use .png"},
    {"CompareHeatmapExists",
     {"compare", "{dir}/picture.png", "{dir}/picture.png", "--heatmap", "{dir}/taken.png"},
     7,
     "{dir}/taken.png: the file exists; give another name, or move it away"},
    {"PackOfMissing",
     {"pack", "{dir}/none", "-o", "{dir}/a.hmnpack"},
     7,
     "{dir}/none: No such file or directory"},
    {"PackEnding",
     {"pack", "{dir}", "-o", "{dir}/a.zip"},
     2,
     "{dir}/a.zip: unknown file name ending '.zip'; use .hmnpack"},
    {"PackOfNothing",
     {"pack", "{dir}/folder", "-o", "{dir}/a.hmnpack"},
     2,
     "no usable picture found: 0 PNG or JPEG files"},
    {"PackCsvOfTwoFolders",
     {"pack", "{dir}", "{dir}/folder", "--csv", "{dir}/text.txt", "-o", "{dir}/a.hmnpack"},
     2,
     "a data set with labels is one folder; 2 are given"},
    {"PackCsvWithoutFile",
     {"pack", "{dir}", "--csv", "{dir}/text.txt", "-o", "{dir}/a.hmnpack"},
     2,
     "{dir}/text.txt: has no column 'file'; it has: hello,  this is text"},
    {"PackOfNeither",
     {"pack", "-o", "{dir}/a.hmnpack"},
     2,
     "give a folder of pictures, or --moons N"},
    {"PackMoonsLeftOut",
     {"pack", "--moons", "5", "--left-out", "half", "-o", "{dir}/a.hmnpack"},
     2,
     "'half': write FROM-TO in percent lit, for example 35-65"},
    // --- Generative models ---------------------------------------------------------------------
    {"SampleNowhere",
     {"sample", "--model", "vae-moons"},
     2,
     "give either -o GRID.png or --out-dir DIR"},
    {"SampleCount",
     {"sample", "--model", "vae-moons", "--count", "70000", "-o", "{dir}/g.png"},
     2,
     "--count 70000 is out of range; legal are 1 to 65536"},
    {"SampleGrid",
     {"sample", "--model", "vae-moons", "--grid", "8by8", "-o", "{dir}/g.png"},
     2,
     "grid '8by8': write COLUMNSxROWS, each 1 to 256, for example 8x8"},
    {"SampleGridTooSmall",
     {"sample", "--model", "vae-moons", "--grid", "2x2", "--count", "5", "-o", "{dir}/g.png"},
     2,
     "count 5 does not fit a grid of 2x2"},
    {"SampleTemperature",
     {"sample", "--model", "vae-moons", "--temperature", "9", "-o", "{dir}/g.png"},
     2,
     "--temperature 9 is out of range; legal are 0 to 4"},
    {"SampleExists",
     {"sample", "--model", "vae-moons", "-o", "{dir}/taken.png"},
     7,
     "{dir}/taken.png: the file exists; give another name, or move it away"},
    {"InterpolateSteps",
     {"interpolate", "1", "2", "--steps", "1", "-o", "{dir}/s.png"},
     2,
     "--steps 1 is out of range; legal are 2 to 1000"},
    {"InterpolateAnimatedFrames",
     {"interpolate", "1", "2", "--animated", "--out-dir", "{dir}/f"},
     2,
     "--animated makes one file; give -o FILE.png"},
    {"LatentSteps",
     {"latent", "--steps", "300", "-o", "{dir}/w.png"},
     2,
     "--steps 300 is out of range; legal are 2 to 256"},
    {"LatentEnlarge",
     {"latent", "--enlarge", "17", "-o", "{dir}/w.png"},
     2,
     "--enlarge 17 is out of range; legal are 1 to 16"},
    {"ReconstructEnding",
     {"reconstruct", "{dir}/picture.png", "-o", "{dir}/a.jpg"},
     2,
     "{dir}/a.jpg: unknown file name ending '.jpg'; use .png"},
    {"DemoUnknown",
     {"demo", "full-moon", "-o", "{dir}/d"},
     2,
     "there is no demo 'full-moon'; there is: half-moon"},
    {"DemoBeta",
     {"demo", "half-moon", "--out", "{dir}/demo", "--beta", "0"},
     2,
     "--beta 0 is out of range; legal are above 0, up to 1000"},
    {"DemoLatent",
     {"demo", "half-moon", "--out", "{dir}/demo", "--latent", "65"},
     2,
     "--latent 65 is out of range; legal are 1 to 64"},
    // --- Training ------------------------------------------------------------------------------
    {"TrainWithoutRecipe",
     {"train", "--data", "a.hmnpack", "--out", "{dir}/run", "--steps", "1"},
     2,
     "give a recipe with --recipe FILE"},
    {"TrainWithoutLength",
     {"train", "--recipe", HALFMOON_SOURCE_DIR "/models/training/recipes/ae-photo.json", "--data",
      "a", "--out", "{dir}/run"},
     2,
     "give the length of the run: --steps N or --total-minutes M"},
    {"TrainDevice",
     {"train", "--data", "a", "--out", "{dir}/run", "--device", "tpu"},
     2,
     "--device 'tpu' is unknown; legal are cpu, cuda"},
    {"ResumeOfNothing",
     {"train", "--recipe", HALFMOON_SOURCE_DIR "/models/training/recipes/ae-photo.json", "--data",
      "{dir}/text.txt", "--out", "{dir}/run", "--resume", "--steps", "1"},
     7,
     "{dir}/run/checkpoint.pt: there is no checkpoint to resume; leave out --resume"},
    {"ExportIdWithoutManifest",
     {"export", "c.pt", "-o", "{dir}/a.safetensors", "--name", "a", "--id", "3"},
     2,
     "--id and --manifest go together; give both or none"},
    {"ExportIntoAnotherFolder",
     {"export", "c.pt", "-o", "{dir}/a.safetensors", "--name", "a", "--id", "3", "--manifest",
      "{dir}/folder/manifest.json"},
     2,
     "{dir}/a.safetensors: must lie in the manifest's folder '{dir}/folder'"},
    {"ExportEnding",
     {"export", "c.pt", "-o", "{dir}/a.pt", "--name", "a"},
     2,
     "{dir}/a.pt: unknown file name ending '.pt'; use .safetensors"},
};

INSTANTIATE_TEST_SUITE_P(Cli, Usage, ::testing::ValuesIn(kUsageCases),
                         [](const auto& test) { return test.param.name; });

class EveryCommand : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryCommand, HelpEndsWithAnExample) {
  const std::string command = GetParam();
  const CliResult result = RunCli({command, "--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  const std::string start = "Examples:\n  halfmoon " + command;
  const std::size_t at = result.out.find(start);
  ASSERT_NE(at, std::string::npos) << result.out;
  EXPECT_NE(std::string(" \n").find(result.out[at + start.size()]), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Cli, EveryCommand,
                         ::testing::Values("compress", "decompress", "info", "verify", "models",
                                           "eval", "compare", "pack", "train", "export", "plot",
                                           "sample", "interpolate", "reconstruct", "latent", "demo",
                                           "assess", "completion", "man"));

TEST(Program, HelpListsCommandsExamplesAndExitCodes) {
  const CliResult result = RunCli({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  for (const char* word :
       {"compress", "decompress", "info", "verify", "models", "pack", "train", "export", "plot",
        "eval", "compare", "Examples:", "Exit codes: 0 done"}) {
    EXPECT_NE(result.out.find(word), std::string::npos) << word;
  }
}

TEST(Program, WithoutArgumentsShowsHelpAsAnError) {
  const CliResult result = RunCli({});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("Examples:"), std::string::npos);
}

TEST(Program, VersionNamesFormatLibrariesAndModels) {
  const TempFolder folder;
  const CliResult result = RunCli(
      {"--version"}, {{"HALFMOON_MODELS_DIR", folder.path().string()}, {"HALFMOON_ISA", "scalar"}});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out.rfind("halfmoon " HALFMOON_VERSION " (file format ", 0), 0u) << result.out;
  for (const char* word : {"\nLibTorch ", ", BLAS ", "codecs on scalar", "\nmodels: none"}) {
    EXPECT_NE(result.out.find(word), std::string::npos) << word << "\n" << result.out;
  }
}

// Without its LibTorch part the program codes pictures all the same, and says what is missing where
// something is.
TEST(Program, LibTorchIsNeededForItsOwnCommandsAlone) {
  const TempFolder folder;
  const std::map<std::string, std::string> without = {
      {"HALFMOON_NETWORKS", "/nowhere/networks.so"},
      {"HALFMOON_MODELS_DIR", HALFMOON_GOLDEN_DIR "/model"}};
  // Their options are parsed without it.
  const std::map<std::string, std::vector<std::string>> commands = {
      {"pack", {HALFMOON_GOLDEN_DIR "/picture", "-o", folder / "a.hmnpack"}},
      {"train", {"--data", "a.hmnpack", "-o", folder / "run"}},
      {"export", {"checkpoint.pt", "-o", folder / "a.safetensors", "--name", "a"}},
      {"assess", {"vae-moons", "--data", "a.hmnpack"}},
      {"demo", {"half-moon", "-o", folder / "demo"}}};
  for (const auto& [name, arguments] : commands) {
    EXPECT_EQ(RunCli({name, "--help"}, without).exit_code, 0) << name;
    EXPECT_EQ(RunCli({name, "--no-such-option"}, without).exit_code, 2) << name;
    std::vector<std::string> all = {name};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const CliResult missing = RunCli(all, without);
    EXPECT_EQ(missing.exit_code, 5) << name;
    EXPECT_NE(missing.err.find("/nowhere/networks.so"), std::string::npos) << missing.err;
    EXPECT_NE(missing.err.find("halfmoon-networks"), std::string::npos) << missing.err;
  }
  const std::string out = (folder.path() / "a.png").string();
  const CliResult decoded =
      RunCli({"decompress", HALFMOON_GOLDEN_DIR "/picture/scene_q30.hmn", "-o", out}, without);
  EXPECT_EQ(decoded.exit_code, 0) << decoded.err;
  EXPECT_TRUE(std::filesystem::exists(out));
  EXPECT_EQ(RunCli({"man", "train"}, without).exit_code, 0);
  EXPECT_NE(RunCli({"--version"}, without).out.find("LibTorch: none; "), std::string::npos);
}

TEST(Program, FullDiskBehindStandardOutputIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  const TempFolder folder;
  WriteText(folder / "err", "");
  const std::string command =
      std::string(HALFMOON_PROGRAM) + " --help > /dev/full 2> " + (folder / "err");
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(ReadText(folder / "err"),
            "halfmoon: error: standard output: cannot write all of the result: "
            "No space left on device\n");
}

// --- info: needs no model
// --------------------------------------------------------------------------

TEST(Info, DescribesAFileWithoutAnyModel) {
  const TempFolder folder;
  const std::string file = HALFMOON_SOURCE_DIR "/tests/golden/container/minimal.hmn";
  const Environment no_models = {{"HALFMOON_MODELS_DIR", folder.path().string()}};
  const CliResult text = RunCli({"info", file}, no_models);
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.err, "");
  EXPECT_EQ(text.out.rfind(file + "\n  picture  ", 0), 0u) << text.out;

  const CliResult result = RunCli({"info", "--json", file}, no_models);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << result.out;
  const auto& entry = json.at("files").at(0);
  EXPECT_EQ(entry.at("bytes"), std::filesystem::file_size(file));
  EXPECT_GT(entry.at("width").get<int>(), 0);
  EXPECT_GT(entry.at("chunks").size(), 0u);
  EXPECT_EQ(entry.at("model_hash").get<std::string>().size(), 16u);
}

TEST(Info, ShowsTheGoodFilesAmongTheBad) {
  const std::string golden = HALFMOON_SOURCE_DIR "/tests/golden/container/";
  const CliResult result = RunCli({"info", "--json", golden + "not_halfmoon.hmn",
                                   golden + "minimal.hmn", golden + "header_damaged.hmn"});
  EXPECT_EQ(result.exit_code, 3);  // that of the first failure
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << result.out;
  EXPECT_EQ(json.at("files").at(0).at("error"), "not-halfmoon");
  EXPECT_GT(json.at("files").at(1).at("width").get<int>(), 0);
  EXPECT_EQ(json.at("files").at(2).at("error"), "checksum-mismatch");
}

TEST(Info, FileNameThatIsNotUtf8StaysValidJson) {
  const TempFolder folder;
  const std::string name = folder / "caf\xe9.hmn";
  WriteText(name, ReadText(HALFMOON_SOURCE_DIR "/tests/golden/container/minimal.hmn"));
  const CliResult result = RunCli({"info", "--json", name});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(nlohmann::json::parse(result.out, nullptr, false).is_object()) << result.out;
}

// --- plot
// ------------------------------------------------------------------------------------------

TEST(Plot, DrawsCurvesOfAResumedAndKilledRun) {
  const TempFolder folder;
  WriteText(
      folder / "log.jsonl",
      R"({"step":10,"loss":3.0,"bpp":1.0,"psnr":20.0})"
      "\n"
      R"({"step":20,"loss":2.5,"score":0.9,"validation":[{"level":4,"bpp":0.2,"psnr":25.0,"loss":1.0},{"level":59,"bpp":1.5,"psnr":35.0,"loss":2.0}]})"
      "\n"
      R"({"step":15,"loss":2.0})"
      "\n"
      R"({"step":30,"lo)");
  const CliResult result = RunCli({"plot", folder / "log.jsonl"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, (folder / "log.jsonl") + " -> " + (folder / "log.svg") +
                            ": 2 reports, 0 validations\n");
  const std::string svg = ReadText(folder / "log.svg");
  EXPECT_EQ(svg.rfind("<svg ", 0), 0u);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  // Step 20 was done again; its validation does not count, and what has no points has no chart.
  EXPECT_EQ(svg.find("level 4"), std::string::npos);
  EXPECT_NE(svg.find(">PSNR in dB<"), std::string::npos);

  const CliResult again = RunCli({"plot", folder / "log.jsonl"});
  EXPECT_EQ(again.exit_code, 7);
}

TEST(Plot, RefusesOtherText) {
  const TempFolder folder;
  WriteText(folder / "a.txt", "one\ntwo\n");
  const CliResult result = RunCli({"plot", folder / "a.txt"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_EQ(result.err, "halfmoon: error: " + (folder / "a.txt") +
                            ": line 1 is no line of a training log; give the log.jsonl of a run\n");
  EXPECT_EQ(folder.List(), std::vector<std::string>{"a.txt"});
}

}  // namespace
}  // namespace halfmoon::testing
