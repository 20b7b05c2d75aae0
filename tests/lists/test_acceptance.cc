// From the end of DATA to the reply: what is in the database afterwards.
#include <future>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "tests/lists/site.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using essaim::test::a_post;
using essaim::test::crlf;
using essaim::test::TestSite;

namespace {

std::vector<std::string> many(int n) {
  std::vector<std::string> out;
  out.reserve(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i)
    out.push_back("m" + std::to_string(i) + "@d" + std::to_string(i % 7) + ".example");
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(list_acceptance)

BOOST_AUTO_TEST_CASE(a_post_is_stored_with_its_batches_when_the_reply_is_given) {
  TestSite site;
  test::LogLines log;
  site.make_list("dev", {{"expire", "2h"}}, {"b@two.example", "a@one.example"});
  TestSite::require(site.admin.set_member("dev@lists.example", storage::Role::kMember,
                                          test::address("b@two.example"), storage::Reception::kNone,
                                          std::nullopt));
  site.join("dev", {"c@three.example"});
  const auto reply = site.send("a@one.example", {"dev@lists.example"}, a_post("a@one.example"));
  BOOST_TEST(reply.to_string() == "250 2.0.0 Ok: queued as " + format_id(site.last_id));
  BOOST_TEST(site.bells == 1);
  site.database.reopen();
  site.services.database = &*site.database;
  const auto posts = site.posts();
  BOOST_REQUIRE(posts.size() == 1);
  const storage::PostRecord& post = posts.front();
  BOOST_TEST(post.id == site.last_id);
  BOOST_TEST((post.kind == storage::PostKind::kList));
  BOOST_TEST(post.list_address == "dev@lists.example");
  BOOST_TEST(post.sender == "a@one.example");
  BOOST_TEST(post.author == "a@one.example");
  BOOST_TEST(post.message_id == "<1@author.example>");
  BOOST_TEST(post.subject == "hello");
  BOOST_TEST((post.expires - post.accepted == std::chrono::hours(2)));
  BOOST_TEST(post.priority == 0);
  BOOST_TEST((post.mode == storage::CopyMode::kPersonal));
  BOOST_TEST(post.envelope_sender == "{verp}@lists.example");
  BOOST_TEST(post.private_header == "List-Unsubscribe: <mailto:dev-unsubscribe+{leave}@lists.example>\r\n");
  BOOST_TEST(post.expanded);
  BOOST_TEST(post.recipients == 2);
  BOOST_TEST(static_cast<std::size_t>(post.size) == site.rendering(post.id).size());
  BOOST_TEST(site.recipients(post.id) == (std::vector<std::string>{"a@one.example", "c@three.example"}),
             boost::test_tools::per_element());
  BOOST_TEST(log.has({"accepted", "id=" + format_id(post.id), "list=dev@lists.example", "recipients=2",
                      "message-id=<1@author.example>", "delay="}));
}

BOOST_AUTO_TEST_CASE(a_personal_copy_has_a_link_where_there_are_pages_and_says_one_click_where_it_is_signed) {
  const std::string both =
      "List-Unsubscribe: <https://lists.example/unsubscribe/{link}>,\r\n "
      "<mailto:dev-unsubscribe+{leave}@lists.example>\r\n";
  for (const bool is_signed : {false, true}) {
    TestSite site;
    site.services.site.base_url = "https://lists.example";
    const auto key = std::make_shared<const mailauth::SigningKey>(mailauth::SigningKey{
        "lists.example", "s", mailauth::PrivateKey::generate(mailauth::Algorithm::kEd25519Sha256)});
    site.services.signing_keys = [&](const std::string& domain) {
      return is_signed && domain == "lists.example" ? mailauth::SigningKeys{key} : mailauth::SigningKeys{};
    };
    site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
    BOOST_REQUIRE(site.send("a@one.example", {"dev@lists.example"}, a_post("a@one.example")).positive());
    BOOST_TEST(site.posts().front().private_header ==
               both + (is_signed ? "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" : ""));
  }
}

BOOST_AUTO_TEST_CASE(the_same_post_again_gets_the_first_id_and_is_not_stored) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
  site.make_list("ops", {{"post", "anyone"}}, {"a@one.example"});
  const std::string content = a_post("x@y.example");
  BOOST_TEST(site.send("x@y.example", {"dev@lists.example"}, content).positive());
  const Id first = site.last_id;
  // Another hop added a Received field; message and body are the same.
  const auto again =
      site.send("x@y.example", {"dev@lists.example"}, "Received: from a by b; now\r\n" + content);
  BOOST_TEST(again.to_string() == "250 2.0.0 Ok: queued as " + format_id(first) + " (duplicate)");
  BOOST_TEST(site.posts().size() == 1);
  BOOST_TEST(site.bells == 1);
  BOOST_TEST(site.send("x@y.example", {"dev@lists.example"}, content + "more\r\n").text.find("dup") ==
             std::string::npos);
  BOOST_TEST(site.send("x@y.example", {"ops@lists.example"}, content).text.find("dup") == std::string::npos);
  BOOST_TEST(site.posts().size() == 3);
}

BOOST_AUTO_TEST_CASE(messages_without_id_are_told_apart_by_their_date) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}});
  const std::string dated = crlf("From: a@b.example\nDate: now\nSubject: s\n\nbody\n");
  const std::string undated = crlf("From: a@b.example\nSubject: s\n\nbody\n");
  site.send("a@b.example", {"dev@lists.example"}, dated);
  BOOST_TEST(site.send("a@b.example", {"dev@lists.example"}, dated).text.find("duplicate") !=
             std::string::npos);
  site.send("a@b.example", {"dev@lists.example"}, undated);
  BOOST_TEST(site.send("a@b.example", {"dev@lists.example"}, undated).text.find("duplicate") ==
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_refused_post_may_be_sent_again_when_the_sender_has_joined) {
  TestSite site;
  site.make_list("dev");
  const std::string content = a_post("x@y.example");
  BOOST_TEST(site.send("x@y.example", {"dev@lists.example"}, content).code == 550);
  site.join("dev", {"x@y.example"});
  BOOST_TEST(site.send("x@y.example", {"dev@lists.example"}, content).code == 250);
  BOOST_TEST(site.posts().size() == 1);
}

BOOST_AUTO_TEST_CASE(several_lists_of_one_transaction_get_a_post_each_in_one_write) {
  TestSite site;
  test::LogLines log;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
  site.make_list("ops", {{"post", "anyone"}}, {"b@two.example"});
  site.make_list("shy", {}, {"c@three.example"});
  const auto reply = site.send(
      "x@y.example", {"shy@lists.example", "dev@lists.example", "DEV@lists.example", "ops@lists.example"},
      a_post("x@y.example"));
  BOOST_TEST(reply.to_string() == "250 2.0.0 Ok: queued as " + format_id(site.last_id));
  const auto posts = site.posts();
  BOOST_REQUIRE(posts.size() == 2);
  std::set<std::string> to;
  for (const auto& post : posts) to.insert(post.list_address);
  BOOST_TEST((to == std::set<std::string>{"dev@lists.example", "ops@lists.example"}));
  BOOST_TEST(
      log.has({"refused", "id=" + format_id(site.last_id), "shy@lists.example", "rule=send.private:6"}));
  BOOST_TEST(site.send("x@y.example", {"shy@lists.example"}, a_post("x@y.example")).code == 550);
}

BOOST_AUTO_TEST_CASE(where_one_list_cannot_decide_yet_all_come_again) {
  TestSite site;
  test::LogLines log;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
  site.make_list("sure", {{"post", "anyone"}, {"authenticated_only", "true"}}, {"b@two.example"});
  site.make_list("shy", {}, {"c@three.example"});
  const std::vector<std::string> lists = {"shy@lists.example", "dev@lists.example", "sure@lists.example"};
  mailauth::Authentication found;
  found.dmarc.status = mailauth::DmarcStatus::kTempError;
  found.dmarc.domain = "y.example";
  found.may_be_authenticated = true;
  site.authentication = std::make_shared<const mailauth::Authentication>(found);
  const std::string content = a_post("x@y.example");
  const auto later = site.send("x@y.example", lists, content);
  BOOST_TEST(later.to_string().starts_with("451 4.7.0"), later.to_string());
  BOOST_TEST(later.text.find("[rule: unauthenticated]") != std::string::npos, later.text);
  BOOST_TEST(site.posts().empty());
  BOOST_TEST(site.bells == 0);
  BOOST_TEST(log.has({"refused", "sure@lists.example", "451"}));
  // The name server answers: whoever takes the post gets it, once.
  found.dmarc.status = mailauth::DmarcStatus::kPass;
  found.dmarc.aligned_by = "spf y.example";
  site.authentication = std::make_shared<const mailauth::Authentication>(found);
  BOOST_TEST(site.send("x@y.example", lists, content).positive());
  std::set<std::string> to;
  for (const auto& post : site.posts()) to.insert(post.list_address);
  BOOST_TEST((to == std::set<std::string>{"dev@lists.example", "sure@lists.example"}));
  BOOST_TEST(site.posts().size() == 2);
}

BOOST_AUTO_TEST_CASE(a_question_too_many_keeps_the_other_lists_waiting_for_the_rest_of_an_hour) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
  site.make_list("asks", {{"send", "publickey"}}, {"b@two.example"});
  for (int i = 0; i < 20; ++i) {
    const auto asked = site.send("x@y.example", {"asks@lists.example"},
                                 a_post("x@y.example", "<" + std::to_string(i) + "@y.example>"));
    BOOST_TEST(asked.positive(), asked.to_string());
  }
  const auto before = site.posts().size();
  const std::vector<std::string> both = {"dev@lists.example", "asks@lists.example"};
  const std::string content = a_post("x@y.example", "<both@y.example>");
  BOOST_TEST(site.send("x@y.example", both, content).code == 450);
  BOOST_TEST(site.posts().size() == before);
  site.clock.advance(std::chrono::hours(1));
  BOOST_TEST(site.send("x@y.example", both, content).positive());
  BOOST_TEST(site.posts().size() == before + 2);  // the post, and the question
}

BOOST_AUTO_TEST_CASE(a_big_list_is_left_to_the_expansion_and_comes_behind_small_ones) {
  TestSite site;
  site.make_list("big", {{"post", "anyone"}}, many(1001));
  site.make_list("mid", {{"post", "anyone"}}, many(1000));
  site.send("x@y.example", {"big@lists.example"}, a_post("x@y.example"));
  storage::PostRecord post = site.posts().front();
  BOOST_TEST(!post.expanded);
  BOOST_TEST(post.batches == 0);
  BOOST_TEST(post.priority == 2);
  BOOST_TEST(site.bells == 1);
  site.clock.advance(std::chrono::seconds(1));
  site.send("x@y.example", {"mid@lists.example"}, a_post("x@y.example"));
  post = site.posts().front();
  BOOST_TEST(post.list_address == "mid@lists.example");
  BOOST_TEST(post.expanded);
  BOOST_TEST(post.recipients == 1000);
  BOOST_TEST(post.priority == 1);
}

BOOST_AUTO_TEST_CASE(common_copies_have_one_return_address) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}, {"envelope", "common"}}, {"a@one.example"});
  site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
  const auto post = site.posts().front();
  BOOST_TEST((post.mode == storage::CopyMode::kCommon));
  BOOST_TEST(post.private_header.empty());
  const auto resolution = site.rcpt(post.envelope_sender);
  BOOST_REQUIRE(resolution.target);
  BOOST_TEST(resolution.target->post_id == post.id);
  BOOST_TEST(resolution.target->member_id == 0);
}

// Submits a post, and lets `change` happen after it was decided upon and before it is stored: a first work
// holds the writer meanwhile, and changes the list in the same group of commits.
smtp::Reply submit_around(TestSite& site, const std::shared_ptr<lists::Submission>& submission,
                          const std::function<Result<void>(storage::Connection&)>& change) {
  std::promise<void> holding;
  std::promise<void> go;
  auto going = go.get_future().share();
  std::promise<void> changed;
  site.database->write(
      storage::Durability::kAccept,
      [&](storage::Connection& c) -> Result<void> {
        holding.set_value();
        going.wait();
        return change(c);
      },
      [&](Result<void> done) {
        BOOST_TEST(done.ok());
        changed.set_value();
      });
  holding.get_future().wait();
  std::promise<smtp::Reply> answer;
  lists::Acceptance acceptance(site.services);
  acceptance.submit(submission, [&](smtp::Reply reply) { answer.set_value(std::move(reply)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // it has decided and waits behind the writer
  go.set_value();
  smtp::Reply reply = answer.get_future().get();
  changed.get_future().wait();
  return reply;
}

std::shared_ptr<lists::Submission> a_submission(TestSite& site, const std::string& author) {
  auto submission = std::make_shared<lists::Submission>();
  submission->id = site.ids.next();
  submission->reverse_path = test::address(author);
  submission->content = a_post(author);
  submission->recipients.push_back(
      {test::address("dev@lists.example"), site.rcpt("dev@lists.example").target});
  return submission;
}

// Standard error in a file, while it lives.
class ErrorsInFile {
 public:
  explicit ErrorsInFile(const std::string& path)
      : kept_(::dup(STDERR_FILENO)),
        file_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    BOOST_REQUIRE(file_ >= 0);
    ::dup2(file_, STDERR_FILENO);
  }
  ~ErrorsInFile() {
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
    ::close(file_);
  }
  std::string text() const {
    std::string out(64 * 1024, '\0');
    const ssize_t n = ::pread(file_, out.data(), out.size(), 0);
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return out;
  }

 private:
  const int kept_, file_;
};

BOOST_AUTO_TEST_CASE(what_was_accepted_is_in_the_log_before_anybody_is_told) {
  TestSite site;
  test::TempDir directory;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
  const auto submission = a_submission(site, "x@y.example");
  std::promise<std::pair<bool, std::string>> told;
  {
    const ErrorsInFile errors(directory.path("errors"));
    lists::Acceptance acceptance(site.services);
    acceptance.submit(submission, [&](const smtp::Reply& reply) {
      told.set_value({reply.positive(), errors.text()});
    });
    const auto [accepted, log] = told.get_future().get();
    BOOST_TEST(accepted);
    BOOST_TEST(log.find("accepted id=" + format_id(submission->id)) != std::string::npos, log);
  }
}

BOOST_AUTO_TEST_CASE(settings_that_changed_since_rcpt_count) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
  const auto submission = a_submission(site, "x@y.example");
  site.join("dev", {"b@two.example"});
  TestSite::require(site.admin.set_list("dev@lists.example", {{"subject_tag", "[new]"}}));
  BOOST_TEST(site.submit(submission).positive());
  BOOST_TEST(site.recipients(submission->id).size() == 2);
  BOOST_TEST(site.rendering(submission->id).find("Subject: [new] hello") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_member_who_joins_between_decision_and_write_gets_the_post) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
  const auto submission = a_submission(site, "x@y.example");
  const Id list_id = site.list("dev").id;
  const auto reply = submit_around(site, submission, [&](storage::Connection& c) -> Result<void> {
    storage::MemberStore members(c);
    const auto revision = members.next_revision(list_id);
    if (!revision.ok()) return revision.error();
    storage::MemberRecord member;
    member.id = site.ids.next();
    member.list_id = list_id;
    member.local = "b";
    member.domain = "two.example";
    member.joined = *revision;
    return members.add(member);
  });
  BOOST_TEST(reply.positive());
  BOOST_TEST(site.recipients(submission->id).size() == 2);
  BOOST_TEST(site.posts().front().list_revision == site.list("dev").revision);
}

BOOST_AUTO_TEST_CASE(an_author_who_leaves_between_decision_and_write_is_refused) {
  TestSite site;
  site.make_list("dev", {}, {"a@one.example", "b@two.example"});
  const auto submission = a_submission(site, "a@one.example");
  const Id list_id = site.list("dev").id;
  const auto reply = submit_around(site, submission, [&](storage::Connection& c) -> Result<void> {
    storage::MemberStore members(c);
    const auto revision = members.next_revision(list_id);
    if (!revision.ok()) return revision.error();
    return members.remove(list_id, storage::Role::kMember, test::address("a@one.example"), *revision);
  });
  BOOST_TEST(reply.text.find("[rule: send.private:6]") != std::string::npos, reply.to_string());
  BOOST_TEST(site.posts().empty());
}

BOOST_AUTO_TEST_CASE(a_list_that_is_closed_under_a_post_is_decided_anew) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
  const auto submission = a_submission(site, "x@y.example");
  const Id list_id = site.list("dev").id;
  const auto reply = submit_around(site, submission, [&](storage::Connection& c) {
    return storage::DirectoryStore(c).set_list_state(list_id, storage::ListState::kClosed);
  });
  BOOST_TEST(reply.text.find("[rule: closed-list]") != std::string::npos, reply.to_string());
  BOOST_TEST(site.posts().empty());
}

BOOST_AUTO_TEST_CASE(an_author_who_is_known_is_not_looked_up_again_and_what_changed_is_seen_by_the_commit) {
  TestSite site;
  site.make_list("dev", {}, {"a@one.example", "b@two.example"});
  const lists::Acceptance acceptance(site.services);
  int number = 0;
  const auto submission = [&] {
    auto made = a_submission(site, "a@one.example");
    made->content = a_post("a@one.example", "<n" + std::to_string(++number) + "@author.example>");
    return made;
  };
  const auto submit = [&](const std::shared_ptr<lists::Submission>& one) {
    std::promise<smtp::Reply> answer;
    acceptance.submit(one, [&answer](smtp::Reply reply) { answer.set_value(std::move(reply)); });
    return answer.get_future().get();
  };
  BOOST_TEST(submit(submission()).positive());
  const auto second = submission();
  auto reads = site.database->counters().reads;
  BOOST_TEST(submit(second).positive());
  BOOST_TEST(site.database->counters().reads == reads);
  BOOST_TEST(site.recipients(second->id).size() == 2);

  // Decided upon what was true at RCPT, and then anew.
  const auto third = submission();
  site.join("dev", {"c@three.example"});
  TestSite::require(site.admin.set_list("dev@lists.example", {{"subject_tag", "[new]"}}));
  BOOST_TEST(submit(third).positive());
  BOOST_TEST(site.recipients(third->id).size() == 3);
  BOOST_TEST(site.rendering(third->id).find("Subject: [new] hello") != std::string::npos);

  const auto fourth = submission();
  BOOST_TEST(submit(submission()).positive());
  TestSite::require(
      site.admin.remove_member("dev@lists.example", storage::Role::kMember, test::address("a@one.example")));
  BOOST_TEST(submit(fourth).text.find("[rule: send.private:") != std::string::npos);

  // A refusal is never from memory.
  const auto fifth = submission();
  BOOST_TEST(submit(submission()).text.find("[rule: send.private:") != std::string::npos);
  site.join("dev", {"a@one.example"});
  BOOST_TEST(submit(fifth).positive());
  BOOST_TEST(site.posts().size() == 5);
}

BOOST_AUTO_TEST_CASE(every_failing_statement_and_commit_gives_a_4xx_and_leaves_nothing) {
  using Where = storage::FaultPlan::Where;
  for (const auto& [where, least] : {std::pair{Where::kStatement, 9}, std::pair{Where::kBeforeCommit, 1}}) {
    TestSite site;
    test::LogLines log;
    site.make_list("dev", {}, {"a@one.example", "b@two.example"});
    int failed = 0;
    smtp::Reply reply;
    for (std::uint64_t k = 1; k < 200 && !reply.positive(); ++k) {
      const auto submission = a_submission(site, "a@one.example");
      storage::FaultPlan::arm(
          {.where = where, .first = k, .code = k % 2 == 0 ? ErrorCode::kExhausted : ErrorCode::kIo});
      reply = site.submit(submission);
      storage::FaultPlan::disarm();
      if (reply.positive()) break;
      ++failed;
      BOOST_TEST(reply.to_string().starts_with(k % 2 == 0 ? "452 4.3.1" : "451 4.3.0"), reply.to_string());
      BOOST_TEST(site.posts().empty());
      BOOST_TEST(site.bells == 0);
    }
    BOOST_TEST(failed >= least);
    BOOST_TEST(reply.text.find("duplicate") == std::string::npos);
    BOOST_TEST(site.posts().size() == 1);
  }
}

BOOST_AUTO_TEST_CASE(a_commit_of_unknown_outcome_is_found_out) {
  TestSite site;
  test::LogLines log;
  site.make_list("dev", {}, {"a@one.example"});
  const auto submission = a_submission(site, "a@one.example");
  storage::FaultPlan::arm({.where = storage::FaultPlan::Where::kAfterCommit, .first = 1});
  const auto reply = site.submit(submission);
  storage::FaultPlan::disarm();
  BOOST_TEST(reply.to_string() == "250 2.0.0 Ok: queued as " + format_id(submission->id));
  BOOST_TEST(site.recipients(submission->id).size() == 1);
}

BOOST_AUTO_TEST_CASE(mail_for_people_goes_to_them_with_its_own_return_address) {
  TestSite site;
  site.make_list("dev", {}, {}, {"o1@o.example", "o2@o.example"});
  site.make_list("bare");
  site.join("dev", {"e@e.example"}, storage::Role::kEditor);
  struct Row {
    const char* from;
    const char* to;
    std::vector<std::string> reaches;
    const char* sender;
  };
  const Row rows[] = {
      {"x@y.example", "dev-owner@lists.example", {"o1@o.example", "o2@o.example"}, "{verp}@lists.example"},
      {"x@y.example", "dev-request@lists.example", {"o1@o.example", "o2@o.example"}, "{verp}@lists.example"},
      {"x@y.example", "dev-editor@lists.example", {"e@e.example"}, "{verp}@lists.example"},
      {"x@y.example", "bare-editor@lists.example", {"postmaster@example.org"}, "{verp}@lists.example"},
      {"x@y.example", "abuse@lists.example", {"postmaster@example.org"}, "{verp}@lists.example"},
      {"x@y.example", "postmaster", {"postmaster@example.org"}, "{verp}@mx.example"},
      {"", "dev-owner@lists.example", {"o1@o.example", "o2@o.example"}, ""},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.from << " to " << row.to) {
      BOOST_TEST(site.send(row.from, {row.to}, a_post("x@y.example")).positive());
      site.read([&](storage::Connection& c) {
        const auto post = storage::PostStore(c).find(site.last_id);
        BOOST_TEST(((*post)->kind == storage::PostKind::kForward));
        BOOST_TEST((*post)->envelope_sender == row.sender);
        BOOST_TEST((*post)->priority == 0);
      });
      BOOST_TEST(site.recipients(site.last_id) == row.reaches, boost::test_tools::per_element());
    }
  }
  const auto loop = site.send("x@y.example", {"dev-request@lists.example"}, site.rendering(site.last_id));
  BOOST_TEST(loop.to_string().starts_with("554 5.4.6"), loop.to_string());
}

BOOST_AUTO_TEST_CASE(of_a_subject_only_the_beginning_is_decoded) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
  std::string subject = "begin";
  const std::string nothing = std::string("=?utf-8?Q?") + "?=";
  for (int i = 0; i < 300; ++i) subject += "\n " + nothing;
  std::string post = a_post("ann@author.example");
  post.replace(post.find("hello"), 5, crlf(subject + "\n =?utf-8?Q?end?="));
  BOOST_TEST(site.send("ann@author.example", {"dev@lists.example"}, post).positive());
  const std::string kept = site.posts().front().subject;
  BOOST_TEST(kept.starts_with("begin"), kept);
  BOOST_TEST(kept.find("end") == std::string::npos, kept);
}

BOOST_AUTO_TEST_SUITE_END()
