#include "tests/lists/site.h"

#include <fstream>
#include <future>
#include <sstream>
#include <string_view>
#include <utility>

namespace essaim::test {

smtp::Address address(const std::string& text) {
  if (text.empty()) return {};
  auto parsed = smtp::parse_mailbox(text, smtp::LocalPart::kUtf8);
  BOOST_REQUIRE_MESSAGE(parsed.ok(), text);
  return *parsed;
}

std::string crlf(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' && !out.ends_with('\r')) out.push_back('\r');
    out.push_back(c);
  }
  return out;
}

std::string file_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  BOOST_REQUIRE_MESSAGE(in.good(), path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string a_post(const std::string& from, const std::string& message_id, const std::string& more) {
  return crlf("From: " + from +
              "\nTo: dev@lists.example\nSubject: hello\nDate: Sun, 22 Nov 2026 18:52:04 +0000\n" +
              (message_id.empty() ? "" : "Message-ID: " + message_id + "\n") + more + "\nHello all\n");
}

smtp::Address recipient(const std::string& text) {
  return text == "postmaster" ? smtp::Address{text, ""} : address(text);
}

TestSite::TestSite()
    : ids(clock, 1),
      admin_ids(clock, 2),
      tokens(std::string(32, 'k')),
      admin(*database, clock, admin_ids, {"mx.example", {"postmaster", "example.org"}}) {
  services.database = &*database;
  services.clock = &clock;
  services.ids = &ids;
  services.tokens = &tokens;
  services.policies = &policies;
  services.site = {"mx.example", {"postmaster", "example.org"}};
  services.rank = [] { return std::int64_t{7}; };
  services.bell = [this] { ++bells; };
  require(admin.create_domain("lists.example"));
  set_leave_keys(tokens.leave_keys());
}

void TestSite::set_leave_keys(lists::LeaveKeys keys) {
  require(database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return lists::write_leave_keys(connection, keys);
  }));
  tokens.set_leave_keys(std::move(keys));
}

void TestSite::make_list(const std::string& name, const lists::Settings& settings,
                         const std::vector<std::string>& members, const std::vector<std::string>& owners) {
  std::vector<lists::NewMember> people;
  for (const auto& owner : owners) people.push_back({address(owner), ""});
  require(admin.create_list(name + "@lists.example", people, settings));
  join(name, members);
}
void TestSite::join(const std::string& list, const std::vector<std::string>& members, storage::Role role) {
  std::vector<lists::NewMember> people;
  for (const auto& member : members) people.push_back({address(member), ""});
  require(admin.add_members(list + "@lists.example", role, people));
}

lists::Resolution TestSite::rcpt(const std::string& to) {
  std::promise<lists::Resolution> answer;
  lists::RecipientResolver(services).resolve(
      recipient(to), [&answer](lists::Resolution r) { answer.set_value(std::move(r)); });
  return answer.get_future().get();
}

smtp::Reply TestSite::send(const std::string& from, const std::vector<std::string>& to,
                           const std::string& content) {
  return send(from, to, content, Asked{});
}
smtp::Reply TestSite::send(const std::string& from, const std::vector<std::string>& to,
                           const std::string& content, const Asked& asked) {
  auto submission = std::make_shared<lists::Submission>();
  submission->id = last_id = ids.next();
  submission->reverse_path = address(from);
  submission->client = "client.example [" + client_ip + "]";
  submission->client_ip = client_ip;
  submission->smtputf8 = asked.smtputf8;
  submission->dsn = asked.mail;
  submission->require_tls = asked.require_tls;
  submission->received_header = "Received: from client.example by mx.example with ESMTP id " +
                                format_id(last_id) + ";\r\n Sun, 22 Nov 2026 18:52:04 +0000\r\n";
  submission->content = content;
  submission->received = clock.wall_now();
  submission->authentication = authentication;
  submission->from_our_lists = from_our_lists;
  for (const std::string& name : to) {
    lists::Resolution resolution = rcpt(name);
    if (!resolution.reply.positive()) return resolution.reply;
    submission->recipients.push_back({recipient(name), resolution.target, asked.rcpt});
  }
  return submit(submission);
}
smtp::Reply TestSite::submit(std::shared_ptr<lists::Submission> submission) {
  std::promise<smtp::Reply> answer;
  lists::Acceptance(services).submit(std::move(submission),
                                     [&answer](smtp::Reply reply) { answer.set_value(std::move(reply)); });
  return answer.get_future().get();
}

std::vector<storage::PostRecord> TestSite::posts() {
  std::vector<storage::PostRecord> out;
  read([&](storage::Connection& c) {
    auto found = storage::PostStore(c).search({});
    require(found);
    out = *found;
  });
  return out;
}
std::string TestSite::rendering(Id id, storage::Form form) {
  std::string out;
  read([&](storage::Connection& c) {
    auto text = storage::PostStore(c).rendering(id, form);
    require(text);
    out = *text;
  });
  return out;
}
std::vector<std::string> TestSite::recipients(Id id) {
  std::vector<std::string> out;
  read([&](storage::Connection& c) {
    auto batches = storage::BatchStore(c).of_post(id, true);
    require(batches);
    for (const auto& batch : *batches) {
      for (const auto& r : batch.recipients) out.push_back(r.local + "@" + r.domain);
    }
  });
  return out;
}
std::optional<storage::MemberRecord> TestSite::member(const std::string& list, const std::string& who,
                                                      storage::Role role) {
  std::optional<storage::MemberRecord> out;
  read([&](storage::Connection& c) {
    auto record = storage::DirectoryStore(c).find_list(list, "lists.example");
    require(record);
    auto found = storage::MemberStore(c).find((*record)->id, role, address(who));
    require(found);
    out = *found;
  });
  return out;
}
storage::ListRecord TestSite::list(const std::string& name) {
  auto info = admin.show_list(name + "@lists.example");
  require(info);
  return info->list;
}

LogLines::LogLines()
    : capture_([this](log::Level, std::string_view line) {
        const std::lock_guard lock(mutex_);
        lines_.emplace_back(line);
      }) {}
bool LogLines::has(const std::vector<std::string>& words) {
  const std::lock_guard lock(mutex_);
  for (const std::string& line : lines_) {
    bool all = true;
    for (const std::string& word : words) all = all && line.find(word) != std::string::npos;
    if (all) return true;
  }
  return false;
}

}  // namespace essaim::test
