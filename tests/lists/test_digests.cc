// Digests: when they are made, of what, for whom, and how they read.
#include <algorithm>
#include <set>

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/header_block.h"
#include "core/mail/multipart.h"
#include "core/mail/readable.h"
#include "lists/digests/compose.h"
#include "lists/digests/job.h"
#include "storage/digest_store.h"
#include "storage/expansion.h"
#include "storage/fault.h"
#include "storage/node_store.h"
#include "storage/reception.h"
#include "storage/retention.h"
#include "storage/sql.h"
#include "tests/lists/in_time_zone.h"
#include "tests/lists/served.h"

using namespace essaim;
using namespace essaim::test;
using storage::PostRecord;
using storage::Reception;

namespace {

struct Digesting : Served {
  InTimeZone zone{"UTC"};

  // Monday at noon.
  Digesting() {
    clock.set_wall(at(2026, 11, 30, 12, 0));
    const std::vector<std::pair<const char*, Reception>> people = {
        {"each@x.example", Reception::kEach},         {"mime@x.example", Reception::kDigest},
        {"plain@x.example", Reception::kPlainDigest}, {"sum@x.example", Reception::kSummary},
        {"none@x.example", Reception::kNone},         {"own@x.example", Reception::kNotOwn}};
    std::vector<std::string> members;
    members.reserve(people.size());
    for (const auto& [who, how] : people) members.emplace_back(who);
    make_list("news", {{"digest", "daily 18:00"}, {"send", "public"}}, members, {"boss@o.example"});
    for (const auto& [who, how] : people) set("news", who, how);
  }
  void set(const std::string& name, const std::string& who, Reception how) {
    const Id list_id = list(name).id;
    require(database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
      return storage::MemberStore(c).set(list_id, storage::Role::kMember, address(who), how, "");
    }));
  }
  void configure(const std::string& name, const std::map<std::string, std::optional<std::string>>& changes) {
    require(admin.set_list(name + "@lists.example", changes));
  }
  Id post(const std::string& from, int number, const std::string& text = "Hello all\n",
          const std::string& more = "", const std::string& name = "news") {
    const std::string n = std::to_string(number);
    const auto reply = send(from, {name + "@lists.example"},
                            crlf("From: " + from + "\nTo: " + name + "@lists.example\nSubject: Number " + n +
                                 "\nDate: Mon, 30 Nov 2026 12:00:0" + n + " +0000\nMessage-ID: <" + n +
                                 "@author.example>\n" + more + "\n" + text));
    BOOST_TEST(reply.code == 250, reply.to_string());
    clock.advance(std::chrono::milliseconds(5));  // ids are of their times
    return last_id;
  }
  std::string run_job() {
    const auto said = lists::make_digests_job(&services).run(*database);
    require(said);
    return *said;
  }
  std::vector<PostRecord> digests() {
    std::vector<PostRecord> out;
    for (const PostRecord& one : posts())
      if (storage::is_gathered(one.readers)) out.push_back(one);
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return out;
  }
  PostRecord digest_for(Reception how) {
    for (const PostRecord& one : digests())
      if (one.readers == how) return one;
    BOOST_REQUIRE_MESSAGE(false, "no digest for " << storage::to_string(how));
    return {};
  }
  std::int64_t waiting(const std::string& name = "news") {
    std::int64_t out = 0;
    const Id list_id = list(name).id;
    read([&](storage::Connection& c) {
      const auto all = storage::DigestStore(c).waiting();
      require(all);
      for (const auto& one : *all)
        if (one.list_id == list_id) out = one.posts;
    });
    return out;
  }
  void retention() {
    storage::RetentionOptions options;
    options.keep_posts = std::chrono::hours(1);
    options.keep_failed = std::chrono::hours(1);
    require(storage::make_retention_job(clock, options).run(*database));
  }
  // As if it had been delivered to everybody.
  void deliver_all() {
    require(database->write_now(storage::Durability::kAccept, [](storage::Connection& c) {
      return c.execute(
          "UPDATE batch_state SET queue = 0, delivered = pending, pending = 0, last_outcome = 1");
    }));
  }
  bool has_text(Id id) {
    bool out = false;
    read([&](storage::Connection& c) { out = storage::PostStore(c).rendering(id).ok(); });
    return out;
  }
};

using Names = std::vector<std::string>;

// The bodies of a multipart's parts, with their headers.
std::vector<std::string> parts_of(const std::string& message) {
  const auto header = mail::HeaderBlock::parse(message);
  BOOST_REQUIRE(header.ok());
  const std::string boundary = mail::content_type_of(*header).parameter("boundary");
  const std::string_view body = std::string_view(message).substr(header->body_offset());
  const auto split = mail::split_multipart(body, boundary);
  BOOST_REQUIRE_MESSAGE(split.has_value(), message);
  std::vector<std::string> out;
  for (const mail::PartRange& one : split->parts)
    out.emplace_back(body.substr(one.begin, one.end - one.begin));
  return out;
}

std::string text_of(const std::string& message) {
  const auto header = mail::HeaderBlock::parse(message);
  BOOST_REQUIRE(header.ok());
  std::string text = mail::main_text(*header, std::string_view(message).substr(header->body_offset()));
  replace_all(&text, "\r\n", "\n");
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(digests)

BOOST_AUTO_TEST_CASE(a_list_gets_no_schedule_that_is_none) {
  Digesting site;
  const auto set = site.admin.set_list("news@lists.example", {{"digest", "sometimes"}});
  BOOST_REQUIRE(!set.ok());
  BOOST_TEST(set.error().message.find("digest: \"sometimes\" lacks a day or a time") != std::string::npos,
             set.error().message);
}

BOOST_AUTO_TEST_CASE(who_has_digests_has_them_when_it_is_time_and_nothing_before) {
  Digesting site;
  const Id first = site.post("own@x.example", 1), second = site.post("each@x.example", 2);
  BOOST_TEST(site.recipients(first) == Names{"each@x.example"}, boost::test_tools::per_element());
  BOOST_TEST(site.recipients(second) == (Names{"each@x.example", "own@x.example"}),
             boost::test_tools::per_element());
  BOOST_TEST(site.waiting() == 2);
  BOOST_TEST(site.run_job() == "digests: 0");
  site.clock.set_wall(at(2026, 11, 30, 17, 59));
  BOOST_TEST(site.run_job() == "digests: 0");
  site.clock.set_wall(at(2026, 11, 30, 18, 0));
  const int bells = site.bells;
  BOOST_TEST(site.run_job() == "digests: 1");
  BOOST_TEST(site.bells == bells + 1);
  BOOST_TEST(site.digests().size() == 3U);
  BOOST_TEST(site.recipients(site.digest_for(Reception::kDigest).id) == Names{"mime@x.example"},
             boost::test_tools::per_element());
  BOOST_TEST(site.recipients(site.digest_for(Reception::kPlainDigest).id) == Names{"plain@x.example"},
             boost::test_tools::per_element());
  BOOST_TEST(site.recipients(site.digest_for(Reception::kSummary).id) == Names{"sum@x.example"},
             boost::test_tools::per_element());
  BOOST_TEST(site.waiting() == 0);
  // Nothing comes twice, and without posts there is nothing.
  BOOST_TEST(site.run_job() == "digests: 0");
  site.clock.set_wall(at(2026, 12, 1, 18, 0));
  BOOST_TEST(site.run_job() == "digests: 0");
  BOOST_TEST(site.digests().size() == 3U);
  // After a week in which the server was down there is one.
  site.post("each@x.example", 3);
  site.clock.set_wall(at(2026, 12, 9, 3, 0));
  BOOST_TEST(site.run_job() == "digests: 1");
  BOOST_TEST(site.digests().size() == 6U);
  BOOST_TEST(site.digests().back().subject.find("news digest 2 (posts: 1)") == 0U,
             site.digests().back().subject);
}

BOOST_AUTO_TEST_CASE(a_digest_is_a_post_of_the_list) {
  Digesting site;
  site.post("each@x.example", 1);
  site.clock.advance(std::chrono::hours(24));
  site.run_job();
  const PostRecord post = site.digest_for(Reception::kDigest);
  const std::string text = site.rendering(post.id);
  const auto header = mail::HeaderBlock::parse(text);
  BOOST_REQUIRE(header.ok());
  BOOST_TEST(header->value("List-Id").value_or("") == "<news.lists.example>");
  BOOST_TEST(header->value("X-Loop").value_or("") == "news@lists.example");
  BOOST_TEST(header->value("Precedence").value_or("") == "list");
  BOOST_TEST(header->value("From").value_or("") == "news <news-request@lists.example>");
  BOOST_TEST(header->value("Reply-To").value_or("") == "news@lists.example");
  BOOST_TEST(header->value("Message-ID").value_or("") == post.message_id);
  BOOST_TEST(header->count("Auto-Submitted") == 0U);
  BOOST_TEST(header->count("Date") == 1U);
  BOOST_TEST(post.envelope_sender == "{verp}@lists.example");
  BOOST_TEST(post.private_header.find("List-Unsubscribe: <mailto:news-unsubscribe+{leave}@lists.example>") !=
             std::string::npos);
  BOOST_TEST((post.mode == storage::CopyMode::kPersonal));
  BOOST_TEST((post.kind == storage::PostKind::kList));
  BOOST_TEST((post.expires - post.accepted == std::chrono::hours(120)));
  // Somebody whose server sends it back to the list.
  BOOST_TEST(site.send("mime@x.example", {"news@lists.example"}, text).code != 250);
}

BOOST_AUTO_TEST_CASE(posts_are_in_it_as_they_went_out) {
  Digesting site;
  const std::string signed_body =
      "--b\nContent-Type: text/plain\n\nsigned  \nwords\n--b\nContent-Type: "
      "application/pgp-signature\n\nxyz\n--b--\n";
  site.post("each@x.example", 1, signed_body,
            "MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=b; "
            "protocol=\"application/pgp-signature\"\n"
            "DKIM-Signature: v=1; d=x.example\nX-Secret: of nobody's business\n");
  site.post("each@x.example", 2,
            "Gr\xc3\xbc\xc3\x9f"
            "e\n",
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n");
  site.clock.advance(std::chrono::hours(24));
  site.run_job();
  const PostRecord post = site.digest_for(Reception::kDigest);
  const auto parts = parts_of(site.rendering(post.id));
  BOOST_REQUIRE(parts.size() == 2U);
  BOOST_TEST(text_of(parts[0]).find("1. Number 1") != std::string::npos, parts[0]);
  BOOST_TEST(parts[1].find("Content-Type: multipart/digest;") == 0U);
  const auto posts = parts_of(parts[1]);
  BOOST_REQUIRE(posts.size() == 2U);
  // The empty line says that it is a message (RFC 2046 §5.1.5).
  BOOST_TEST(posts[0].find("\r\nFrom: each@x.example\r\n") == 0U, posts[0]);
  BOOST_TEST(posts[0].ends_with(crlf("\n\n" + signed_body.substr(0, signed_body.size() - 1))));
  BOOST_TEST(posts[0].find("DKIM-Signature") == std::string::npos);
  BOOST_TEST(posts[0].find("X-Secret") == std::string::npos);
  BOOST_TEST(posts[0].find("Received") == std::string::npos);
  BOOST_TEST(posts[1].find("Content-Transfer-Encoding: 8bit\r\n\r\n") == 0U, posts[1]);
  BOOST_TEST(posts[1].find("Gr\xc3\xbc\xc3\x9f"
                           "e") != std::string::npos);
  // For hosts that take no 8-bit there is another form.
  BOOST_TEST(post.eight_bit);
  const std::string seven = site.rendering(post.id, storage::Form::kSevenBit);
  BOOST_TEST(!seven.empty());
  BOOST_TEST(is_ascii(seven));
  BOOST_TEST(parts_of(parts_of(seven)[1]).size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_plain_digest_is_one_text_that_can_be_taken_apart) {
  Digesting site;
  const std::string hyphens(30, '-');
  site.post("each@x.example", 1, "before\n" + hyphens + "\nafter\n\n\n");
  site.post("each@x.example", 2,
            "--b\nContent-Type: text/html\n\n<p>bold &amp; <b>loud</b></p>\n--b\nContent-Type: image/png\n"
            "Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nAAAA\n--b--\n",
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n");
  site.clock.advance(std::chrono::hours(24));
  site.run_job();
  const std::string text = text_of(site.rendering(site.digest_for(Reception::kPlainDigest).id));
  const auto pieces = [&](std::string separator) {
    separator = "\n" + separator + "\n";
    std::size_t count = 0;
    for (std::size_t found = text.find(separator); found != std::string::npos;
         found = text.find(separator, found + 1))
      ++count;
    return count;
  };
  BOOST_TEST(pieces(std::string(70, '-')) == 1U, text);
  BOOST_TEST(pieces(hyphens) == 2U, text);
  BOOST_TEST(text.find("Subject: Number 1\nMessage-ID: <1@author.example>\n\nbefore\n " + hyphens +
                       "\nafter\n\n" + hyphens) != std::string::npos,
             text);
  BOOST_TEST(text.find("bold & loud") != std::string::npos, text);
  BOOST_TEST(text.find("[not in this digest: image/png]") != std::string::npos, text);
  BOOST_TEST(text.find("End of news digest 1\n********************\n") != std::string::npos, text);
  // A summary names them.
  const std::string summary = text_of(site.rendering(site.digest_for(Reception::kSummary).id));
  BOOST_TEST(summary.find("  1. Number 1\n     each@x.example\n") != std::string::npos, summary);
  BOOST_TEST(summary.find("before") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_separator_is_put_together_from_what_is_not_seen) {
  Digesting site;
  const std::string half(15, '-');
  // A CR alone, which goes with the lines' own, and blanks behind it.
  site.post("each@x.example", 1, "one\n" + half + "=0D" + half + "\ntwo\n" + half + half + "=20=09\nthree\n",
            "MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n");
  site.clock.advance(std::chrono::hours(24));
  site.run_job();
  const std::string text = text_of(site.rendering(site.digest_for(Reception::kPlainDigest).id));
  BOOST_TEST(text.find("one\n " + half + half + "\ntwo\n " + half + half) != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(what_is_no_text_is_named_in_a_plain_digest) {
  Digesting site;
  site.post("each@x.example", 1, "AAAA\n",
            "MIME-Version: 1.0\nContent-Type: image/gif\nContent-Transfer-Encoding: base64\n");
  site.post("each@x.example", 2, "--b\n\nsee the change\n--b\nContent-Type: text/x-patch\n\n-a\n+b\n--b--\n",
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n");
  site.post("each@x.example", 3);
  site.clock.advance(std::chrono::hours(24));
  site.run_job();
  const std::string text = text_of(site.rendering(site.digest_for(Reception::kPlainDigest).id));
  BOOST_TEST(text.find("\n[not in this digest: image/gif]\n") != std::string::npos, text);
  BOOST_TEST(text.find("see the change\n[not in this digest: text/x-patch]\n") != std::string::npos, text);
  BOOST_TEST(text.find("[not in this digest: text/plain]") == std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(what_is_encrypted_is_named) {
  Digesting site;
  site.post("each@x.example", 1, "--b\n\nsecret\n--b--\n",
            "MIME-Version: 1.0\nContent-Type: multipart/encrypted; boundary=b; "
            "protocol=\"application/pgp-encrypted\"\n");
  site.clock.advance(std::chrono::hours(24));
  site.run_job();
  for (const Reception how : {Reception::kDigest, Reception::kPlainDigest, Reception::kSummary}) {
    const std::string text = site.rendering(site.digest_for(how).id);
    BOOST_TEST(text.find("secret") == std::string::npos);
    BOOST_TEST(text.find("(encrypted: not in this digest)") != std::string::npos, text);
  }
}

BOOST_AUTO_TEST_CASE(no_stranger_breaks_out_of_a_digest) {
  Digesting site;
  site.configure("news", {{"language", "de"}});
  site.post("each@x.example", 1, "--=_0\n--=_0--\n",
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=never\n");
  site.post("each@x.example", 2, "x\n", "Subject: =?utf-8?q?two=0D=0ABcc:_x=40y.example?=\n");
  site.clock.advance(std::chrono::hours(24));
  site.run_job();
  const std::string text = site.rendering(site.digest_for(Reception::kDigest).id);
  BOOST_TEST(parts_of(parts_of(text)[1]).size() == 2U);
  const std::string plain = text_of(site.rendering(site.digest_for(Reception::kPlainDigest).id));
  BOOST_TEST(plain.find("\nBcc: x@y") == std::string::npos, plain);
  BOOST_TEST(plain.find("Ende der Sammelmail 1 von news") != std::string::npos, plain);
}

BOOST_AUTO_TEST_CASE(many_posts_make_several_digests) {
  Digesting site;
  site.configure("news", {{"digest_max_posts", "2"}});
  for (int i = 1; i <= 5; ++i) site.post("each@x.example", i);
  site.clock.advance(std::chrono::hours(24));
  BOOST_TEST(site.run_job() == "digests: 3");
  const auto made = site.digests();
  BOOST_REQUIRE(made.size() == 9U);
  BOOST_TEST(made[0].subject == "news digest 1 (posts: 2)");
  BOOST_TEST(made[8].subject == "news digest 3 (posts: 1): Number 5");
  // So do large ones; one that is larger than all may be is one of its own.
  site.configure("news", {{"digest_max_posts", "25"}, {"max_size", "20M"}});
  std::string large;
  while (large.size() < 5'000'000)
    large += "a line of a text that goes on and on and on and on and on and on\n";
  for (int i = 6; i <= 8; ++i) site.post("each@x.example", i, i == 7 ? large : "small\n");
  site.clock.advance(std::chrono::hours(24));
  BOOST_TEST(site.run_job() == "digests: 3");
}

BOOST_AUTO_TEST_CASE(without_a_schedule_everybody_has_each_post) {
  Digesting site;
  site.post("each@x.example", 1);
  site.configure("news", {{"digest", std::nullopt}});
  const Id now = site.post("each@x.example", 2);
  BOOST_TEST(site.recipients(now) == (Names{"each@x.example", "mime@x.example", "own@x.example",
                                            "plain@x.example", "sum@x.example"}),
             boost::test_tools::per_element());
  // What had waited until then comes with a last digest.
  BOOST_TEST(site.waiting() == 1);
  BOOST_TEST(site.run_job() == "digests: 1");
  BOOST_TEST(site.digest_for(Reception::kDigest).subject == "news digest 1 (posts: 1): Number 1");
  BOOST_TEST(site.waiting() == 0);
}

BOOST_AUTO_TEST_CASE(nobody_is_sent_what_nobody_wants) {
  Digesting site;
  for (const char* who : {"mime@x.example", "plain@x.example", "sum@x.example"})
    site.set("news", who, Reception::kEach);
  const Id id = site.post("each@x.example", 1);
  site.clock.advance(std::chrono::hours(24));
  BOOST_TEST(site.run_job() == "digests: 0");
  BOOST_TEST(site.waiting() == 0);
  BOOST_TEST(site.digests().empty());
  BOOST_TEST(site.recipients(id).size() == 5U);
}

BOOST_AUTO_TEST_CASE(a_list_that_goes_takes_what_waits_along) {
  Digesting site;
  site.post("each@x.example", 1);
  TestSite::require(site.admin.delete_list("news@lists.example"));
  site.run_job();
  site.read([](storage::Connection& c) {
    const auto any = storage::DigestStore(c).any_waits();
    TestSite::require(any);
    BOOST_TEST(!*any);
  });
  BOOST_TEST(site.digests().empty());
}

BOOST_AUTO_TEST_CASE(the_text_is_kept_until_the_digest_is_made_and_no_longer) {
  Digesting site;
  const Id id = site.post("each@x.example", 1);
  site.deliver_all();
  site.clock.advance(std::chrono::hours(5));
  site.retention();
  site.retention();
  BOOST_TEST(site.has_text(id));
  site.clock.advance(std::chrono::hours(24 * 40));  // longer than the ledger is kept
  site.retention();
  BOOST_TEST(site.has_text(id));
  BOOST_TEST(site.run_job() == "digests: 1");
  BOOST_TEST(site.digests().size() == 3U);
  site.clock.advance(std::chrono::hours(48));
  site.retention();
  BOOST_TEST(!site.has_text(id));
}

BOOST_AUTO_TEST_CASE(what_an_operator_holds_or_took_away_is_not_in_it) {
  Digesting site;
  const Id held = site.post("each@x.example", 1), gone = site.post("each@x.example", 2);
  site.post("each@x.example", 3);
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        ESSAIM_TRY(storage::PostStore(c).set_held(held, true, "wrong"));
        ESSAIM_TRY(storage::sql::run(c, "DELETE FROM rendering WHERE post_id = ?", gone));
        return {};
      }));
  site.clock.advance(std::chrono::hours(24));
  BOOST_TEST(site.run_job() == "digests: 1");
  BOOST_TEST(site.digest_for(Reception::kSummary).subject == "news digest 1 (posts: 1): Number 3");
  BOOST_TEST(site.waiting() == 1);
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return storage::PostStore(c).set_held(held, false, "");
  }));
  BOOST_TEST(site.run_job() == "digests: 1");
  BOOST_TEST(site.digests().back().subject == "news digest 2 (posts: 1): Number 1");
}

BOOST_AUTO_TEST_CASE(a_post_that_is_held_makes_the_others_no_earlier) {
  Digesting site;
  const Id held = site.post("each@x.example", 1);
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return storage::PostStore(c).set_held(held, true, "wrong");
  }));
  site.clock.advance(std::chrono::hours(48));  // Wednesday at noon
  site.post("each@x.example", 2);
  BOOST_TEST(site.run_job() == "digests: 0");
  site.clock.advance(std::chrono::hours(6));
  BOOST_TEST(site.run_job() == "digests: 1");
  BOOST_TEST(site.digest_for(Reception::kSummary).subject == "news digest 1 (posts: 1): Number 2");
  BOOST_TEST(site.run_job() == "digests: 0");
  BOOST_TEST(site.waiting() == 1);
}

BOOST_AUTO_TEST_CASE(what_somebody_else_has_taken_is_not_taken_again) {
  Digesting site;
  const Id first = site.post("each@x.example", 1), second = site.post("each@x.example", 2);
  const Id list_id = site.list("news").id;
  const auto take = [&](std::vector<Id> posts) {
    bool all = false;
    TestSite::require(
        site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
          const auto taken = storage::DigestStore(c).take_posts(list_id, posts);
          if (!taken.ok()) return taken.error();
          all = *taken;
          return {};
        }));
    return all;
  };
  BOOST_TEST(take({first}));
  BOOST_TEST(!take({first}));
  BOOST_TEST(!take({first, second}));
  BOOST_TEST(take({second}));
}

BOOST_AUTO_TEST_CASE(what_fails_before_the_commit_is_made_anew_and_once) {
  Digesting site;
  site.post("each@x.example", 1);
  site.clock.advance(std::chrono::hours(24));
  storage::FaultPlan::arm({storage::FaultPlan::Where::kBeforeCommit, 1, 1, storage::FaultPlan::What::kFail,
                           ErrorCode::kTemporary});
  BOOST_TEST(site.run_job() == "digests: 0, not made: 1");
  storage::FaultPlan::disarm();
  BOOST_TEST(site.digests().empty());
  BOOST_TEST(site.waiting() == 1);
  BOOST_TEST(site.run_job() == "digests: 1");
  BOOST_TEST(site.digests().size() == 3U);
}

BOOST_AUTO_TEST_CASE(many_readers_are_found_by_delivery) {
  Digesting site;
  std::vector<std::string> all;
  all.reserve(2500);
  for (int i = 0; i < 2500; ++i)
    all.push_back("u" + std::to_string(i) + "@d" + std::to_string(i % 7) + ".example");
  site.join("news", all);
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return c.execute("UPDATE member SET delivery = 2 WHERE domain LIKE 'd%.example' AND local_key <> 'u9'");
  }));
  site.post("u9@d2.example", 1);
  site.clock.advance(std::chrono::hours(24));
  BOOST_TEST(site.run_job() == "digests: 1");
  const PostRecord post = site.digest_for(Reception::kDigest);
  BOOST_TEST(!post.expanded);
  const auto accepted = [&] {
    std::int64_t out = 0;
    site.read([&](storage::Connection& c) {
      const auto counts = storage::PostStore(c).counts(post.id);
      TestSite::require(counts);
      out = counts->accepted;
    });
    return out;
  };
  BOOST_TEST(accepted() == 2500);  // with mime@x.example, without u9
  for (bool expanded = false; !expanded;)
    TestSite::require(
        site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
          auto stored = storage::PostStore(c).find(post.id);
          if (!stored.ok()) return stored.error();
          ESSAIM_TRY(storage::expand_members(c, &**stored, 1, 1));
          expanded = (*stored)->expanded;
          return {};
        }));
  BOOST_TEST(accepted() == 2500);
  const auto found = site.recipients(post.id);
  const std::set<std::string> recipients(found.begin(), found.end());
  BOOST_TEST(recipients.size() == 2500U);
  BOOST_TEST(recipients.contains("mime@x.example"));
  BOOST_TEST(!recipients.contains("each@x.example"));
  BOOST_TEST(!recipients.contains("u9@d2.example"));
}

BOOST_AUTO_TEST_CASE(nodes_that_know_no_digests_are_waited_for) {
  BOOST_TEST(lists::is_version_before("0.1.0", lists::kVersionWithDigests));
  BOOST_TEST(lists::is_version_before("", lists::kVersionWithDigests));
  BOOST_TEST(!lists::is_version_before("0.2.0", lists::kVersionWithDigests));
  BOOST_TEST(!lists::is_version_before("0.10.0", "0.9.1"));
  BOOST_TEST(!lists::is_version_before("1.0", lists::kVersionWithDigests));
  Digesting site;
  site.post("each@x.example", 1);
  site.clock.advance(std::chrono::hours(24));
  const auto node = [&](const std::string& statement) {
    TestSite::require(site.database->write_now(storage::Durability::kAccept,
                                               [&](storage::Connection& c) { return c.execute(statement); }));
  };
  node(
      "INSERT INTO node (number, hostname, epoch, started, state, version) VALUES (9, 'old.example', 1, 0, "
      "0, '0.1.0')");
  BOOST_TEST(site.run_job() == "digests wait for old.example, whose program does not know them");
  BOOST_TEST(site.digests().empty());
  node("UPDATE node SET version = '0.2.0' WHERE number = 9");
  BOOST_TEST(site.run_job() == "digests: 1");
}

BOOST_AUTO_TEST_CASE(members_choose_by_mail) {
  Digesting site;
  const auto reception = [&](const char* who, const char* name) { return site.member(name, who)->reception; };
  for (const auto& [option, how] :
       std::vector<std::pair<std::string, Reception>>{{"digest", Reception::kDigest},
                                                      {"digestplain", Reception::kPlainDigest},
                                                      {"summary", Reception::kSummary},
                                                      {"not_me", Reception::kNotOwn},
                                                      {"nodigest", Reception::kEach},
                                                      {"nomail", Reception::kNone},
                                                      {"mail", Reception::kEach}}) {
    site.command("each@x.example", "set news " + option);
    if (reception("each@x.example", "news") != how) site.confirm("each@x.example", "each@x.example");
    BOOST_TEST((reception("each@x.example", "news") == how), option);
  }
  // dev has no digests; not_me needs none.
  BOOST_TEST(site.ask("ann@x.example", "set dev digest").text.find("dev@lists.example makes no digests") !=
             std::string::npos);
  BOOST_TEST((reception("ann@x.example", "dev") == Reception::kEach));
  BOOST_TEST(site.ask("ann@x.example", "set dev txt").text.find("does not offer txt") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
