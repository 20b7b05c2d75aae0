// essaim-old-schema FILE VERSION: makes an empty database of an older schema version, for tests of migrations on
// real contents (the harness copies these into it).
#include <cstdio>
#include <cstdlib>
#include <string>

#include "storage/database.h"
#include "storage/schema.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: essaim-old-schema FILE VERSION\n");
    return 2;
  }
  essaim::storage::DatabaseOptions options;
  options.url = "sqlite:" + std::string(argv[1]);
  options.create = true;
  auto database = essaim::storage::Database::open(options);
  if (!database.ok()) {
    std::fprintf(stderr, "%s\n", database.error().message.c_str());
    return 1;
  }
  auto made = essaim::storage::migrate(**database, std::atoi(argv[2]));
  if (!made.ok()) std::fprintf(stderr, "%s\n", made.error().message.c_str());
  return made.ok() ? 0 : 1;
}
