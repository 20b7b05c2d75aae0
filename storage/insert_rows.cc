#include "storage/insert_rows.h"

namespace essaim::storage {

InsertTexts::InsertTexts(std::string_view into)
    : columns_(static_cast<int>(std::count(into.begin(), into.end(), ',')) + 1) {
  std::string row = "(?";
  for (int i = 1; i < columns_; ++i) row += ", ?";
  row += ')';
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const std::size_t rows = std::size_t{1} << i;
    std::string& text = texts_[i];
    text.reserve(into.size() + 8 + rows * (row.size() + 2));
    text.append(into).append(" VALUES ").append(row);
    for (std::size_t more = 1; more < rows; ++more) text.append(", ").append(row);
  }
}

}  // namespace essaim::storage
