// Runs inputs through targets without a fuzzer.
//   replay CORPUS MESSAGES        every target over its folder of CORPUS (and MESSAGES, if it reads messages)
//   replay --one TARGET FILE...   one target over some files: to look at a finding
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/fuzz/target.h"

namespace {

using essaim::fuzz::Target;

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  ESSAIM_CHECK(in.good());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::is_directory(folder)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void run(const Target& target, const std::filesystem::path& file) {
  // What aborts leaves its name as the last line.
  std::printf("%s %s\n", target.name, file.filename().c_str());
  std::fflush(stdout);
  target.run(content(file));
}

int run_one(const char* name, int count, char** files) {
  for (const Target& target : essaim::fuzz::targets()) {
    if (std::strcmp(target.name, name) != 0) continue;
    for (int i = 0; i < count; ++i) run(target, files[i]);
    return 0;
  }
  std::fprintf(stderr, "there is no target %s\n", name);
  return 2;
}

int run_all(const std::filesystem::path& corpus, const std::filesystem::path& messages) {
  std::size_t inputs = 0;
  for (const Target& target : essaim::fuzz::targets()) {
    auto files = files_of(corpus / target.name);
    if (files.empty()) {
      std::fprintf(stderr, "%s has no corpus in %s\n", target.name, corpus.c_str());
      return 1;
    }
    if (target.messages)
      for (auto& file : files_of(messages)) files.push_back(std::move(file));
    target.run({});
    for (const auto& file : files) run(target, file);
    inputs += files.size() + 1;
  }
  std::printf("%zu inputs through %zu targets\n", inputs, essaim::fuzz::targets().size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 4 && std::strcmp(argv[1], "--one") == 0) return run_one(argv[2], argc - 3, argv + 3);
  if (argc == 3) return run_all(argv[1], argv[2]);
  std::fprintf(stderr, "usage: replay CORPUS MESSAGES | replay --one TARGET FILE...\n");
  return 2;
}
