// A site to which authors write whose domain signs and has a policy, and what the far end makes of what goes out. For tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lists/held/answer.h"
#include "storage/held_store.h"
#include "tests/core/mailauth/signed_mail.h"
#include "tests/core/mailauth/zone.h"
#include "tests/lists/mailbox.h"

namespace essaim::test {

inline std::shared_ptr<const mailauth::SigningKey> author_key() {
  static const auto key = std::make_shared<const mailauth::SigningKey>(mailauth::SigningKey{
      "author.example", "s1", mailauth::PrivateKey::generate(mailauth::Algorithm::kEd25519Sha256)});
  return key;
}

inline mailauth::Zone author_zone(const std::string& policy) {
  mailauth::Zone zone;
  zone.text(mailauth::key_record_name("s1", "author.example"), mailauth::key_record_text(author_key()->key));
  if (!policy.empty()) zone.text("_dmarc.author.example", "v=DMARC1; p=" + policy);
  return zone;
}

inline std::string signed_post(const std::string& more = "") {
  mailauth::Answers unused;
  return mailauth::signed_message(a_post("Ann Author <ann@author.example>", "<1@author.example>", more),
                                  {author_key()}, &unused);
}

struct AuthorSite : TestSite {
  smtp::Reply post(const std::string& content, mailauth::Zone zone,
                   const std::string& from = "ann@author.example",
                   std::shared_ptr<const sasl::Login> login = nullptr,
                   const std::string& to = "dev@lists.example") {
    auto submission = std::make_shared<lists::Submission>();
    submission->login = std::move(login);
    if (submission->login) submission->auth = lists::scenario::Auth::kSmtpAuth;
    submission->id = last_id = ids.next();
    submission->reverse_path = address(from);
    submission->received_header = "Received: from client.example by mx.example; now\r\n";
    submission->authserv_id = "mx.example";
    submission->trusted_sealer = trusts_sealer;
    submission->judged = judges;
    submission->content = content;
    const auto resolution = rcpt(to);
    submission->recipients.push_back({recipient(to), resolution.target, {}});
    const mailauth::MailSource source{"192.0.2.1", "client.example", submission->reverse_path};
    auto check = mailauth::MessageCheck::make(source, submission->content);
    require(check);
    mailauth::Answers all;
    auto found = zone.resolve([&](mailauth::Answers& answers) {
      (*check)->look(answers);
      return (*check)->conclude(clock.wall_now(), answers);
    });
    submission->authentication_header =
        "Authentication-Results: " + format_results(to_results(found, source, "mx.example")) + "\r\n";
    if (!submission->login && !found.dmarc.aligned_dkim.empty())
      submission->auth = lists::scenario::Auth::kDkim;
    submission->authentication = std::make_shared<const mailauth::Authentication>(std::move(found));
    return submit(submission);
  }
  // The one post that waits; its id is held_id then.
  void approve(lists::Verdict verdict = lists::Verdict::kApprove) {
    require(database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
      const auto held = storage::HeldStore(c).search({});
      if (!held.ok()) return held.error();
      BOOST_REQUIRE(held->size() == 1);
      held_id = held->front().id;
      lists::Requester who;
      who.is_operator = true;
      lists::Answer answer;
      answer.verdict = verdict;
      lists::WriteContext context{services, c, clock.wall_now(), 1};
      const auto done = lists::answer_held(context, held->front(), answer, who);
      return done.ok() ? Result<void>() : done.error();
    }));
  }
  Id held_id = 0;
  bool trusts_sealer = false;  // of what comes under a chain of ARC
  bool judges = true;
  std::string posted(const std::string& content, const mailauth::Zone& zone) {
    const auto reply = post(content, zone);
    BOOST_REQUIRE_MESSAGE(reply.code == 250, reply.to_string());
    return rendering(last_id);
  }
  std::string explanation() {
    for (const auto& record : posts())
      if (record.id == last_id) return record.explanation;
    return "";
  }
};

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

inline std::shared_ptr<const mailauth::SigningKey> list_key() {
  static const auto key = std::make_shared<const mailauth::SigningKey>(mailauth::SigningKey{
      "lists.example", "r1", mailauth::PrivateKey::generate(mailauth::Algorithm::kRsaSha256)});
  return key;
}

inline void sign_for_the_list(TestSite& site) {
  site.services.signing_keys = [](const std::string& domain) {
    return domain == "lists.example" ? mailauth::SigningKeys{list_key()} : mailauth::SigningKeys{};
  };
}

// What the far end makes of the chain on top.
inline std::string chain(const std::string& text) {
  mailauth::Answers answers;
  mailauth::publish(&answers, mailauth::key_record_name("r1", "lists.example"),
                    mailauth::key_record_text(list_key()->key));
  const auto result = mailauth::verify_chain(text, answers);
  return to_string(result.status) + std::string(result.reason.empty() ? "" : ": ") + result.reason;
}

// As the far end sees it, with the private header that a personal copy has.
inline std::string far_end(const std::string& rendering, mailauth::Zone zone) {
  const auto results =
      zone.resolve([&](mailauth::Answers& answers) { return mailauth::verify(rendering, answers); });
  std::string out;
  for (const auto& result : results) out += std::string(to_string(result.status)) + " ";
  return out;
}

}  // namespace essaim::test
