#include "storage/insert_rows.h"

namespace essaim::storage {

std::string insert_text(std::string_view into, std::size_t rows) {
  const auto columns = static_cast<std::size_t>(std::count(into.begin(), into.end(), ',')) + 1;
  std::string row = "(?";
  for (std::size_t i = 1; i < columns; ++i) row += ", ?";
  row += ')';
  std::string text(into);
  text.reserve(text.size() + 8 + rows * (row.size() + 2));
  text += " VALUES ";
  for (std::size_t i = 0; i < rows; ++i) {
    if (i > 0) text += ", ";
    text += row;
  }
  return text;
}

}  // namespace essaim::storage
