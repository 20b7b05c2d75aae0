// A disk that goes bad under a database file. For tests.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/support/temp_database.h"

namespace essaim::test {

// Closes the file, overwrites the pages in which `text` stands, and opens it again.
inline void damage_pages_with(TempDatabase* database, const std::string& text) {
  constexpr std::size_t kPage = 4096;
  database->close();
  std::fstream file(database->file(), std::ios::in | std::ios::out | std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (all.find(text) == std::string::npos) throw std::runtime_error("no page has " + text);
  for (std::size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) {
    file.clear();
    file.seekp(static_cast<std::streamoff>(at / kPage * kPage));
    file << std::string(kPage, '\x7f');
  }
  file.close();
  database->reopen();
}

}  // namespace essaim::test
