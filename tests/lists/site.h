// A site with a real database, and a peer that sends mail to it as a session would: RCPT is resolved, the
// message is submitted, the reply awaited. For the tests of lists/.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "lists/acceptance.h"
#include "lists/admin.h"
#include "lists/bounces.h"
#include "lists/recipients.h"
#include "storage/batch_store.h"
#include "storage/directory_store.h"
#include "storage/fault.h"
#include "storage/member_store.h"
#include "storage/post_store.h"
#include "tests/support/temp_database.h"

namespace essaim::test {

smtp::Address address(const std::string& text);

// LF to CRLF, so that messages can be written as they read.
std::string crlf(const std::string& text);

std::string file_text(const std::string& path);

std::string a_post(const std::string& from, const std::string& message_id = "<1@author.example>",
                   const std::string& more = "");

// As the session reads it: <postmaster> needs no domain.
smtp::Address recipient(const std::string& text);

class TestSite {
 public:
  TestSite();

  // As of the whole site: those that make tokens here, and those in the database.
  void set_leave_keys(lists::LeaveKeys keys);

  template <typename T>
  static void require(const Result<T>& result) {
    BOOST_REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.error().message));
  }

  void make_list(const std::string& name, const lists::Settings& settings = {},
                 const std::vector<std::string>& members = {}, const std::vector<std::string>& owners = {});
  void join(const std::string& list, const std::vector<std::string>& members,
            storage::Role role = storage::Role::kMember);

  lists::Resolution rcpt(const std::string& to);

  // What a sender may ask for besides.
  struct Asked {
    bool smtputf8 = false;
    smtp::DsnMailParameters mail{};
    smtp::DsnRcptParameters rcpt{};
    bool require_tls = false;
  };
  // The reply to RCPT if one is refused, else that to the end of DATA. `last_id` is the id that the session
  // chose.
  smtp::Reply send(const std::string& from, const std::vector<std::string>& to, const std::string& content);
  smtp::Reply send(const std::string& from, const std::vector<std::string>& to, const std::string& content,
                   const Asked& asked);
  smtp::Reply submit(std::shared_ptr<lists::Submission> submission);

  template <typename Read>
  void read(Read&& body) {
    require(database->read_now([&](storage::Connection& c) -> Result<void> {
      body(c);
      return {};
    }));
  }
  std::vector<storage::PostRecord> posts();
  std::string rendering(Id id, storage::Form form = storage::Form::kAsIs);
  // Those to whom the post goes or went.
  std::vector<std::string> recipients(Id id);
  std::optional<storage::MemberRecord> member(const std::string& list, const std::string& who,
                                              storage::Role role = storage::Role::kMember);
  storage::ListRecord list(const std::string& name);

  TempDatabase database;
  ManualClock clock;
  IdGenerator ids;
  IdGenerator admin_ids;
  lists::Tokens tokens;
  lists::Policies policies;
  lists::Services services;
  lists::Admin admin;
  std::atomic<int> bells{0};
  std::string client_ip = "192.0.2.1";                             // of who sends
  std::shared_ptr<const mailauth::Authentication> authentication;  // of what send() sends; null: not verified
  bool from_our_lists = false;                                     // what send() sends
  Id last_id = 0;
};

// Lines of the log while it lives.
class LogLines {
 public:
  LogLines();
  // Whether one of them has all these words.
  bool has(const std::vector<std::string>& words);

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
  log::Capture capture_;
};

}  // namespace essaim::test
