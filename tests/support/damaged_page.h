// A disk that goes bad under a database file. For tests.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/temp_database.h"

namespace essaim::test {

inline constexpr std::size_t kDamagedPage = 4096;  // octets

inline void overwrite_page(std::fstream& file, std::size_t number) {
  file.clear();
  file.seekp(static_cast<std::streamoff>(number * kDamagedPage));
  file << std::string(kDamagedPage, '\x7f');
}

// Closes the file, overwrites the pages in which `text` stands, and opens it again.
inline void damage_pages_with(TempDatabase* database, const std::string& text) {
  database->close();
  std::fstream file(database->file(), std::ios::in | std::ios::out | std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (all.find(text) == std::string::npos) throw std::runtime_error("no page has " + text);
  for (std::size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1))
    overwrite_page(file, at / kDamagedPage);
  file.close();
  database->reopen();
}

// Pages of a table or index, from 0, in the order of its keys.
inline std::vector<std::size_t> pages_of(TempDatabase* database, const std::string& name,
                                         const std::string& which) {
  std::vector<std::size_t> pages;
  const auto read = (*database)->read_now([&](storage::Connection& connection) -> Result<void> {
    pages.clear();
    auto statement = connection.prepare("SELECT pageno FROM dbstat WHERE name = '" + name + "' AND " + which +
                                        " ORDER BY path");
    if (!statement.ok()) return statement.error();
    for (;;) {
      auto row = (*statement)->step();
      if (!row.ok()) return row.error();
      if (!*row) return {};
      pages.push_back(static_cast<std::size_t>((*statement)->integer(0)) - 1);
    }
  });
  if (!read.ok()) throw std::runtime_error(name + ": " + read.error().message);
  return pages;
}

inline void damage_pages(TempDatabase* database, const std::vector<std::size_t>& pages) {
  database->close();
  std::fstream file(database->file(), std::ios::in | std::ios::out | std::ios::binary);
  for (const std::size_t page : pages) overwrite_page(file, page);
  file.close();
  database->reopen();
}

// Leaves of a table or index: those that lie so many tenths behind its beginning.
inline void damage_leaves_of(TempDatabase* database, const std::string& name,
                             const std::vector<std::size_t>& tenths) {
  const std::vector<std::size_t> leaves = pages_of(database, name, "pagetype = 'leaf'");
  if (leaves.size() < 3) throw std::runtime_error(name + " has no leaves to be damaged");
  std::vector<std::size_t> pages;
  for (const std::size_t tenth : tenths) pages.push_back(leaves[leaves.size() * tenth / 10]);
  damage_pages(database, pages);
}

// The page by which all others are found.
inline void damage_root_of(TempDatabase* database, const std::string& name) {
  damage_pages(database, pages_of(database, name, "path = '/'"));
}

}  // namespace essaim::test
