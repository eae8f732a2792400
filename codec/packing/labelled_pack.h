// Makes pixel packs of small pictures with captions and classes: from a folder and a CSV file, or
// from IDX files (the format of MNIST). Internal; std only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "codec/packing/make_pack.h"
#include "halfmoon/status.h"

namespace halfmoon {

struct CsvPackOptions {
  std::string directory;     // where the pictures lie
  std::string csv;           // columns: file; name or caption; class where there are classes
  std::string class_column;  // instead of "class"
  // Columns whose texts are the caption, joined by "; " where they are not empty; instead of "name"
  // or "caption".
  std::vector<std::string> caption_columns;
  // "COLUMN=VALUE": only the rows with that value; empty: all.
  std::string only;
  int validation_every = 20;  // every n-th picture is for validation; 0: none
};

// The pictures that the CSV lists, in its order, with captions and classes (names in the order of
// the alphabet). Alpha is laid over white; 16 bits are refused. Nothing is left out as a duplicate.
// Errors: kInvalidArgument naming the column that is missing; kCorrupt naming the line; kIo and
// those of ReadImage naming the file: a data set with holes is an error, not a smaller data set.
Result<PackReport> MakeCsvPack(
    const CsvPackOptions& options, const std::string& out_file, bool overwrite,
    const std::function<void(std::size_t done, std::size_t total)>& progress);

// Whether the folder holds an IDX data set: train-images-idx3-ubyte, gzipped or not.
bool IsIdxFolder(const std::string& directory);

// The folder's train-images-idx3-ubyte and train-labels-idx1-ubyte, and, as validation pictures,
// t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each gzipped (.gz) or not. Labels, test
// pictures and classes.txt (names, one per line) may be missing. Errors: kIo; kCorrupt naming the
// file; kInvalidArgument (more labels than names).
Result<PackReport> MakeIdxPack(const std::string& directory, const std::string& out_file,
                               bool overwrite);

}  // namespace halfmoon
