#include "storage/batch_progress.h"

namespace essaim::storage {

void recount(BatchRecord* batch) {
  batch->delivered = batch->failed = batch->suppressed = batch->pending = 0;
  for (const auto& r : batch->progress.recipients) {
    switch (r.state) {
      case RecipientState::kDelivered:
        ++batch->delivered;
        break;
      case RecipientState::kFailed:
        ++batch->failed;
        break;
      case RecipientState::kSuppressed:
        ++batch->suppressed;
        break;
      default:
        ++batch->pending;
    }
  }
}

Interned::Interned(std::vector<std::string>* table) : table_(table) {
  for (std::size_t i = table->size(); i-- > 0;) known_[(*table)[i]] = static_cast<std::uint32_t>(i);
}

std::uint32_t Interned::index(const std::string& text) {
  const auto [found, is_new] = known_.try_emplace(text, static_cast<std::uint32_t>(table_->size()));
  if (is_new) table_->push_back(text);
  return found->second;
}

}  // namespace essaim::storage
