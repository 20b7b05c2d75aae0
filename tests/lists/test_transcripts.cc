// Every command by mail and every service message, as people read them: one dialogue, held in each language, compared as a whole
// with tests/lists/transcripts/LANGUAGE.txt. ESSAIM_WRITE_TRANSCRIPTS=1 writes what was said there, to be read before it is kept.
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>

#include "core/base/text.h"
#include "lists/bounce_stops.h"
#include "lists/bounces.h"
#include "lists/commands/parse.h"
#include "lists/held/job.h"
#include "lists/held/keys.h"
#include "lists/templates/catalogue.h"
#include "lists/templates/messages.h"
#include "tests/lists/served.h"

using namespace essaim;
using namespace essaim::test;

namespace {

constexpr const char* kAnn = "ann@x.example";
constexpr const char* kOwner = "own@o.example";
constexpr const char* kEve = "eve@e.example";
constexpr const char* kNew = "new@x.example";
constexpr const char* kMaster = "root@o.example";

enum class What { kCommand, kPost, kReply, kDaysLater, kListGoes, kBounces };

struct Step {
  What what;
  const char* from;  // of kDaysLater: how many
  // A command, in which KEY is that of the last question to `asked`; the list of a post, or that goes; the answer to the
  // question.
  const char* text;
  const char* asked = nullptr;
};

const std::vector<Step> kSteps = {
    {What::kCommand, kNew, "HELP"},
    {What::kCommand, kNew, "SOS"},
    {What::kCommand, kNew, "AIDE"},
    {What::kCommand, kNew, "please help me"},
    {What::kCommand, kNew, "WHICH"},
    {What::kCommand, kAnn, "WHICH"},
    {What::kCommand, kOwner, "STATUS"},
    {What::kCommand, kNew, "LISTS"},
    {What::kCommand, kNew, "LIST"},
    {What::kCommand, kNew, "INFO dev"},
    {What::kCommand, kNew, "INFO gone"},
    {What::kCommand, kNew, "VERIFY dev"},
    {What::kCommand, kNew, "GET dev log.2026-11"},
    {What::kCommand, kNew, "LAST dev"},
    {What::kCommand, kNew, "INDEX dev"},
    // Joining: at once, confirmed, with an approval, by invitation, not at all.
    {What::kCommand, kNew, "SUBSCRIBE dev New Person"},
    {What::kCommand, kNew, "SUBSCRIBE dev"},
    {What::kCommand, kNew, "SUBSCRIBE"},
    {What::kCommand, kNew, "ABONNIEREN"},
    {What::kCommand, kNew, "SUB careful"},
    {What::kCommand, kNew, "SUB careful"},
    {What::kReply, kNew, "yes", kNew},
    {What::kReply, kNew, "yes", kNew},
    {What::kCommand, kNew, "SUBSCRIBE club"},
    {What::kCommand, kNew, "SUBSCRIBE club"},
    {What::kDaysLater, "3", ""},
    {What::kReply, kOwner, "approve", kOwner},
    {What::kCommand, kAnn, "SUBSCRIBE club"},
    {What::kReply, kOwner, "reject we are full", kOwner},
    {What::kCommand, kAnn, "SUBSCRIBE club"},
    {What::kDaysLater, "20", ""},
    {What::kCommand, kNew, "SUBSCRIBE shut"},
    {What::kCommand, kNew, "SUBSCRIBE byhand"},
    {What::kCommand, kAnn, "INVITE dev bob@y.example Bob"},
    {What::kCommand, kAnn, "INVITE dev bob"},
    {What::kReply, "bob@y.example", "gladly", "bob@y.example"},
    {What::kCommand, kNew, "INVITE shut bob@y.example"},
    // Options.
    {What::kCommand, kAnn, "SET dev nomail"},
    {What::kCommand, kAnn, "SET dev nomail"},
    {What::kCommand, kAnn, "SET dev mail"},
    {What::kCommand, kAnn, "SET dev normal"},
    {What::kCommand, kAnn, "SET dev each"},
    {What::kCommand, kAnn, "SET dev eachmail"},
    {What::kCommand, kAnn, "SET dev nodigest"},
    {What::kCommand, kAnn, "SET dev digest"},
    {What::kCommand, kAnn, "SET dev digestplain"},
    {What::kCommand, kAnn, "SET dev summary"},
    {What::kCommand, kAnn, "SET dev notice"},
    {What::kCommand, kAnn, "SET dev not_me"},
    {What::kCommand, kAnn, "SET dev txt"},
    {What::kCommand, kAnn, "SET dev html"},
    {What::kCommand, kAnn, "SET dev urlize"},
    {What::kCommand, kAnn, "SET dev conceal"},
    {What::kCommand, kNew, "REVIEW dev"},
    {What::kCommand, kAnn, "SET dev noconceal"},
    {What::kCommand, kAnn, "SET * nomail"},
    {What::kCommand, kAnn, "WHICH"},
    {What::kCommand, kAnn, "SET dev loud"},
    {What::kCommand, kMaster, "SET dev nomail"},
    {What::kCommand, kMaster, "SET * nomail"},
    // Owners.
    {What::kCommand, kOwner, "ADD dev cara@z.example Cara"},
    {What::kCommand, kOwner, "ADD dev cara@z.example"},
    {What::kCommand, kOwner, "ADD dev"},
    {What::kCommand, kOwner, "QUIET ADD dev dan@z.example"},
    {What::kCommand, kNew, "ADD dev eric@z.example"},
    {What::kCommand, kOwner, "REVIEW dev"},
    {What::kCommand, kOwner, "WHO dev"},
    {What::kCommand, "stranger@y.example", "REVIEW dev"},
    {What::kCommand, kOwner, "DEL dev cara@z.example"},
    {What::kCommand, kOwner, "DELETE dev cara@z.example"},
    {What::kCommand, kOwner, "QUIET DEL dev dan@z.example"},
    {What::kCommand, kNew, "DEL dev ann@x.example"},
    {What::kCommand, kOwner, "STATS dev"},
    {What::kCommand, kOwner, "REMIND careful"},
    {What::kReply, kOwner, "yes", kOwner},
    {What::kCommand, kNew, "REMIND dev"},
    {What::kCommand, kMaster, "REMIND *"},
    {What::kCommand, kMaster, "CONFIRM KEY", kMaster},
    {What::kCommand, kOwner, "INFO *"},
    // Posts that wait.
    {What::kCommand, kEve, "MODINDEX slow"},
    {What::kPost, kAnn, "slow"},
    {What::kCommand, kEve, "MODINDEX slow"},
    {What::kCommand, kNew, "MODIND slow"},
    {What::kCommand, kEve, "DISTRIBUTE slow KEY", kEve},
    {What::kCommand, kOwner, "DISTRIBUTE slow KEY", kEve},
    {What::kPost, kAnn, "slow"},
    {What::kCommand, kEve, "REJECT slow KEY off topic", kEve},
    {What::kCommand, kEve, "REJECT slow KEY", kEve},
    {What::kCommand, kEve, "REJECT slow"},
    {What::kPost, kAnn, "slow"},
    {What::kReply, kEve, "ban", kEve},
    {What::kPost, kNew, "slow"},
    {What::kDaysLater, "20", ""},
    {What::kPost, kNew, "sure"},
    {What::kCommand, kNew, "CONFIRM KEY", kNew},
    {What::kPost, kNew, "sure"},
    {What::kCommand, kNew, "DECLINE KEY", kNew},
    {What::kCommand, kNew, "CONFIRM"},
    {What::kCommand, kNew, "CONFIRM 0123456789abcdef"},
    // Leaving.
    {What::kCommand, kNew, "SIGNOFF dev"},
    {What::kCommand, kNew, "AUTH KEY", kNew},
    {What::kCommand, kNew, "CONFIRM KEY", kNew},
    {What::kCommand, kNew, "UNSUB dev"},
    {What::kCommand, kNew, "UNSUBSCRIBE dev ann@x.example"},
    {What::kCommand, kNew, "UNSUBSCRIBE dev ann"},
    {What::kCommand, kNew, "SIGNOFF * ann@x.example"},
    {What::kCommand, kNew, "UNS club"},
    {What::kDaysLater, "20", ""},
    {What::kCommand, kNew, "CONFIRM KEY", kNew},
    {What::kCommand, kNew, "SIGNOFF *"},
    {What::kCommand, "stranger@y.example", "SIGNOFF *"},
    // Copies come back, day after day.
    {What::kBounces, kNew, "sure"},
    // A list is deleted.
    {What::kPost, kNew, "slow"},
    {What::kListGoes, "", "slow"},
};

struct Dialogue : TestSite {
  explicit Dialogue(std::string spoken) : language(std::move(spoken)) {
    require(admin.set_domain("lists.example", {{"language", language}}));
    const auto list = [&](const std::string& name, lists::Settings settings,
                          const std::vector<std::string>& members) {
      settings.emplace("subscribe", "open");
      settings.emplace("approval_expire", "14d");
      make_list(name, settings, members, {kOwner});
      join(name, {kEve}, storage::Role::kEditor);
    };
    list("dev",
         {{"review", "private"}, {"description", "Dev"}, {"invite", "private"}, {"unsubscribe", "auth"}},
         {kAnn});
    list("careful", {{"subscribe", "auth_notify"}}, {kAnn});
    list("club", {{"subscribe", "owner"}, {"approval_remind", "2d"}}, {});
    list("shut", {{"subscribe", "closed"}, {"invite", "closed"}}, {});
    list("byhand", {{"subscribe", "invitation"}}, {});
    list("slow", {{"send", "editorkey"}, {"tell_held", "true"}, {"tell_approved", "true"}}, {kAnn, kNew});
    list("sure", {{"send", "privatekey"}}, {kNew});
    require(admin.add_listmaster("", address(kMaster)));
  }

  void take(const Step& step) {
    clock.advance(std::chrono::minutes(3));  // so that nobody asks too much within an hour
    std::string text = step.text;
    if (step.what == What::kDaysLater) {
      said += "== " + std::string(step.from) + " days later\n";
      clock.advance(std::chrono::hours(24 * std::atoi(step.from)));
      require(lists::look_after_held(services));
      return hear();
    }
    if (step.what == What::kBounces) {
      said += "== copies for " + std::string(step.from) + " of " + text + " come back on five days\n";
      for (int day = 0; day < 5; ++day) {
        bounce(text, step.from);
        clock.advance(std::chrono::hours(3 * 24));
      }
      require(lists::make_bounces_job(&services).run(*database));
      return hear();
    }
    if (step.what == What::kListGoes) {
      said += "== " + text + " is deleted\n";
      require(admin.delete_list(text + "@lists.example"));
      return hear();
    }
    if (step.asked != nullptr && step.what == What::kCommand) {
      const auto at = text.find("KEY");
      text.replace(at, 3, last_question(*this, step.asked).key());
    }
    std::string to = kRobot;
    std::string mail = a_mail(step.from, text, "");
    if (step.what == What::kPost) {
      to = text + "@lists.example";
      mail = a_post(step.from, "<p" + std::to_string(++posted) + "@author.example>");
    } else if (step.what == What::kReply) {
      to = last_question(*this, step.asked).field("Reply-To");
      mail = a_mail(step.from, "Re: ", text + "\n");
    }
    said +=
        "== " + std::string(step.from) + " > " + to + (step.what == What::kPost ? "" : ": " + text) + "\n";
    const smtp::Reply reply = send(step.from, {to}, mail);
    if (!reply.positive()) said += reply.to_string() + "\n";
    hear();
  }

  void bounce(const std::string& name, const std::string& who) {
    storage::PostRecord post;
    post.kind = storage::PostKind::kList;
    post.list_id = list(name).id;
    post.list_revision = list(name).revision;
    const lists::DeliveryFailure failure{&post, member(name, who)->id, address(who), "550 5.1.1 no such user",
                                         "mx"};
    require(database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) {
      return lists::record_failures(services, c, {failure});
    }));
  }

  // What was sent since.
  void hear() {
    auto all = posts();
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    for (const auto& post : all) {
      if (post.id <= heard) continue;
      heard = post.id;
      const auto to = recipients(post.id);
      for (const std::string& one : to) said += "To: " + one + "\n";
      if (post.kind != storage::PostKind::kNotice) {
        said += "  (the post)\n";
        continue;
      }
      for (const Letter& letter : letters_to(*this, to.front())) {
        if (letter.id != post.id) continue;
        said += "Subject: " + letter.subject() + "\n";
        if (!letter.field("Reply-To").empty()) said += "Reply-To: " + letter.field("Reply-To") + "\n";
        for (const std::string_view line : split(letter.text, '\n'))
          said += line.empty() ? "\n" : "  " + std::string(line) + "\n";
        heard_letters.push_back({letter.subject(), letter.text});
      }
    }
  }

  // Keys are other ones each time: the first is KEY-1, and so on.
  std::string transcript() const {
    std::map<std::string, std::size_t> keys;
    std::string out, word;
    for (const char c : said + "\n") {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
        word.push_back(c);
        continue;
      }
      const bool is_key = lists::is_key(word) && word != "0123456789abcdef";  // no other word is like one
      out += is_key ? "KEY-" + std::to_string(keys.emplace(word, keys.size() + 1).first->second) : word;
      out.push_back(c);
      word.clear();
    }
    out.pop_back();
    return out;
  }

  // Whether a letter was one of these: by its subject and its first words, whatever they are filled with.
  bool heard_message(const lists::Message& message) const {
    const std::regex subject(pattern(lists::translated(language, message.subject)));
    const std::string_view text = lists::translated(language, message.text);
    const std::regex begin(pattern(text.substr(0, text.find("\n{{#"))) + "[^]*");
    for (const auto& [its_subject, its_text] : heard_letters) {
      if (std::regex_match(its_subject, subject) && std::regex_match(its_text, begin)) return true;
    }
    return false;
  }
  static std::string pattern(std::string_view text) {
    static const std::regex section(R"(\{\{#(\w+)\}\}[^]*?\{\{/\1\}\})");
    static const std::regex variable(R"(\{\{\w+\}\})");
    std::string escaped;
    for (const char c : std::regex_replace(std::string(text), section, "{{$1}}")) {
      if (std::string_view(".^$|()[]*+?\\").find(c) != std::string_view::npos) escaped.push_back('\\');
      escaped.push_back(c);
    }
    return std::regex_replace(escaped, variable, "[^]*");
  }

  std::string language;
  std::string said;
  Id heard = 0;
  int posted = 0;
  std::vector<std::pair<std::string, std::string>> heard_letters;
};

std::string first_difference(const std::string& is, const std::string& expected) {
  const auto a = split(is, '\n'), b = split(expected, '\n');
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string_view x = i < a.size() ? a[i] : "(the end)", y = i < b.size() ? b[i] : "(the end)";
    if (x != y)
      return "line " + std::to_string(i + 1) + ": \"" + std::string(x) + "\", not \"" + std::string(y) + "\"";
  }
  return "";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(transcripts)

BOOST_AUTO_TEST_CASE(every_command_and_every_message_is_read_in_every_language_as_it_was_approved) {
  for (const std::string& language : lists::languages()) {
    BOOST_TEST_CONTEXT("in " << language) {
      Dialogue dialogue(language);
      for (const Step& step : kSteps) dialogue.take(step);
      const std::string path =
          std::string(ESSAIM_SOURCE_DIR) + "/tests/lists/transcripts/" + language + ".txt";
      if (std::getenv("ESSAIM_WRITE_TRANSCRIPTS") != nullptr) std::ofstream(path) << dialogue.transcript();
      const std::string difference = first_difference(dialogue.transcript(), file_text(path));
      BOOST_TEST(difference == "", path + ", " + difference);
      for (const lists::Message& message : lists::messages())
        BOOST_TEST(dialogue.heard_message(message), "nobody was sent " + std::string(message.name));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_command_and_option_that_the_robot_knows_is_in_the_transcript) {
  std::vector<std::string> asked, options;
  for (const Step& step : kSteps) {
    if (step.what != What::kCommand) continue;
    const std::string line = ascii_lowered(step.text);
    const auto words = split(line, ' ');
    asked.emplace_back(words[words[0] == "quiet" ? 1 : 0]);
    if (asked.back() == "set") options.emplace_back(words[2]);
  }
  const auto has = [](const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  for (const std::vector<std::string>& names : lists::command_names())
    BOOST_TEST(std::any_of(names.begin(), names.end(), [&](const auto& name) { return has(asked, name); }),
               names.back());
  for (const std::string_view option : lists::set_options())
    BOOST_TEST(has(options, std::string(option)), option);
}

BOOST_AUTO_TEST_SUITE_END()
