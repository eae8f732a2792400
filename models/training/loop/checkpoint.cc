#include "models/training/loop/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace halfmoon::training {

Status Checkpoint::Save(const std::string& path) const {
  std::vector<char> bytes;
  try {
    c10::Dict<std::string, torch::Tensor> t;
    c10::Dict<std::string, std::string> m;
    for (const auto& [name, tensor] : tensors) t.insert(name, tensor.detach().cpu().contiguous());
    for (const auto& [name, value] : metadata) m.insert(name, value);
    bytes = torch::pickle_save(c10::ivalue::Tuple::create({c10::IValue(t), c10::IValue(m)}));
  } catch (const c10::Error& e) {
    return {StatusCode::kInternal, path + ": " + e.what_without_backtrace()};
  }
  const std::string part = path + ".part";
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return {StatusCode::kIo, part + ": cannot create the checkpoint"};
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  const bool flushed = ::fsync(fd) == 0;
  if ((::close(fd) != 0) || !flushed || done != bytes.size() ||
      std::rename(part.c_str(), path.c_str()) != 0) {
    ::unlink(part.c_str());
    return {StatusCode::kIo, path + ": cannot write the checkpoint (disk full?)"};
  }
  return Status::Ok();
}

Result<Checkpoint> Checkpoint::Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return Status(StatusCode::kIo, path + ": cannot open the checkpoint");
  std::vector<char> bytes(static_cast<std::size_t>(in.tellg()));
  in.seekg(0);
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  try {
    const c10::IValue value = torch::pickle_load(bytes);
    Checkpoint c;
    for (const auto& e : value.toTuple()->elements()[0].toGenericDict()) {
      c.tensors[e.key().toStringRef()] = e.value().toTensor();
    }
    for (const auto& e : value.toTuple()->elements()[1].toGenericDict()) {
      c.metadata[e.key().toStringRef()] = e.value().toStringRef();
    }
    return c;
  } catch (const c10::Error& e) {
    return Status(StatusCode::kCorrupt, path + ": not a readable checkpoint");
  }
}

}  // namespace halfmoon::training
