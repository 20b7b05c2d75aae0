// What delivery is given of the lists, so that the two need not know each other.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "delivery/engine.h"
#include "lists/services.h"
#include "lists/tokens.h"

namespace essaim::smtpd {

// Keyed tokens for personal copies. Thread-safe.
class ListTokens final : public delivery::TokenMinter {
 public:
  explicit ListTokens(const lists::Tokens& tokens) : tokens_(tokens) {}
  void append_verp(const storage::PostRecord& post, const storage::BatchRecipient& recipient,
                   std::string* out) const override {
    tokens_.append_verp(post, recipient.member_id, out);
  }
  void append_leave(const storage::PostRecord& post, const storage::BatchRecipient& recipient,
                    std::string* out) const override {
    tokens_.append_leave(post.list_id, recipient.member_id, out);
  }
  void append_link(const storage::PostRecord& post, const storage::BatchRecipient& recipient,
                   std::string* out) const override {
    tokens_.append_link(post.list_id, recipient.member_id, out);
  }

 private:
  const lists::Tokens& tokens_;
};

// Failures become bounces of members, or notices to the postmaster, inside the transaction that records them.
class ListFailures final : public delivery::FailureListener {
 public:
  // `report` makes reports soon; called after the commit of what they are about.
  ListFailures(const lists::Services& services, std::function<void()> report)
      : services_(services), report_(std::move(report)) {}
  Result<void> on_failures(storage::Connection& connection,
                           const std::vector<delivery::Failure>& failures) override;

 private:
  const lists::Services& services_;
  const std::function<void()> report_;
};

}  // namespace essaim::smtpd
