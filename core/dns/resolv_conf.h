// The recursive servers of this machine (resolv.conf(5)), and whether the file has changed since it was read. Blocking,
// for as long as a small local file takes. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "core/base/result.h"

namespace essaim::dns {

// The addresses of its `nameserver` lines, as they stand there ("192.0.2.53", "fe80::1%eth0"), in their order; lines with
// something else are passed over.
std::vector<std::string> name_servers(std::string_view resolv_conf);

class ResolvConf {
 public:
  explicit ResolvConf(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }
  // kIo: it cannot be read, and is not tried again until it has changed or the mark is forgotten.
  Result<std::vector<std::string>> read();
  // Behind symbolic links, too. A file that is not there has not changed: it is being replaced.
  bool changed() const;
  // What was read could not be used: the file is as good as one that has changed.
  void forget() { seen_ = {}; }

 private:
  struct Mark {
    bool is_there = false;
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t written = 0, changed = 0;  // nanoseconds
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  Mark look() const;

  std::string path_;
  Mark seen_;  // before it was read
};

}  // namespace essaim::dns
