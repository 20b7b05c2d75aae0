// A directory of the test's own, removed at the end: in memory where there is room, since each database that a test makes
// syncs its file some thirty times.
#pragma once

#include <string>

namespace essaim::test {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  // Of a file in it; without a name, its own.
  std::string path(const std::string& name = "") const;
  // Gives the path of the file.
  std::string write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

}  // namespace essaim::test
