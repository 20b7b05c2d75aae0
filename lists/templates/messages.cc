#include "lists/templates/messages.h"

namespace essaim::lists {

// N_() marks what translators get (contrib/translations); it stays English here.
#define N_(text) text

const std::vector<Message>& messages() {
  static const std::vector<Message> table = {
      {"confirm_post", "list subject key reply_to link days span owner",
       "The author of a post is asked to confirm it.", N_("Please confirm your message to {{list}}"),
       N_("Your message to {{list}} waits for you to confirm it:\n"
          "\n"
          "  Subject: {{subject}}\n"
          "\n"
          "If you wrote it, just answer this message, to {{reply_to}},\n"
          "with yes or without a word. If you did not, ignore this: it is then\n"
          "dropped after {{span}} and nobody sees it.\n"
          "{{#link}}\n"
          "\n"
          "Or press the button on this page:\n"
          "\n"
          "  {{link}}\n"
          "{{/link}}\n"
          "\n"
          "The key, for the command robot: CONFIRM {{key}}\n")},
      {"confirm_request", "list what email key reply_to link days span owner",
       "Somebody is asked to confirm a request.", N_("Please confirm: {{what}}"),
       N_("Somebody, probably you, asked:\n"
          "\n"
          "  {{what}}\n"
          "\n"
          "To confirm, just answer this message, to {{reply_to}},\n"
          "with yes or without a word. If you did not ask for it, ignore this\n"
          "message: nothing happens then. The answer counts for {{span}}.\n"
          "{{#link}}\n"
          "\n"
          "Or press the button on this page:\n"
          "\n"
          "  {{link}}\n"
          "{{/link}}\n"
          "\n"
          "The key, for the command robot: CONFIRM {{key}}\n")},
      {"moderate",
       "list subject author size rule doubt checks key approve reject ban reply_to link days span attached "
       "refused words",
       "Moderators are told of a post that waits for them; it is attached, unless their server refused that.",
       N_("To moderate: {{subject}} (from {{author}} to {{list}})"),
       N_("A message to {{list}} waits for a moderator{{#attached}}; it is "
          "attached{{/attached}}.{{#refused}} It is\n"
          "not attached, since your mail server refused it:\n"
          "\n"
          "  {{refused}}{{/refused}}\n"
          "\n"
          "  From:    {{author}}\n"
          "  Subject: {{subject}}\n"
          "  Size:    {{size}}\n"
          "  Why:     rule {{rule}}{{#words}}\n"
          "\n"
          "It begins:\n"
          "\n"
          "{{words}}{{/words}}\n"
          "{{#doubt}}\n"
          "\n"
          "{{doubt}}.\n"
          "{{/doubt}}\n"
          "{{#checks}}\n"
          "\n"
          "What was verified when it came:\n"
          "{{checks}}\n"
          "{{/checks}}\n"
          "\n"
          "{{#link}}\n"
          "All of it on one page:\n"
          "\n"
          "  {{link}}\n"
          "\n"
          "{{/link}}\n"
          "To let it pass, write to        {{approve}}\n"
          "To refuse it, write to          {{reject}}\n"
          "  (the first line of what you write goes to the author as the reason)\n"
          "To refuse it and block {{author}}, write to\n"
          "                                {{ban}}\n"
          "\n"
          "Or answer this message with one of the words approve, reject, ban on its\n"
          "first line. The first answer of any moderator counts. Without one it is\n"
          "dropped after {{span}}.\n"
          "\n"
          "For the command robot: DISTRIBUTE {{list}} {{key}}  or  REJECT {{list}} {{key}}\n")},
      {"moderate_reminder", "list posts link robot", "Moderators are reminded of posts that wait.",
       N_("Reminder: messages to {{list}} wait for a moderator"),
       N_("These messages to {{list}} wait for a moderator:\n"
          "\n"
          "{{posts}}{{#link}}\n"
          "\n"
          "All of it on one page:\n"
          "\n"
          "  {{link}}{{/link}}\n"
          "\n"
          "To let some of them pass, or to refuse them, answer this message, to\n"
          "{{robot}}, with the keys that stand first above:\n"
          "\n"
          "  DISTRIBUTE {{list}} KEY KEY\n"
          "  REJECT {{list}} KEY and why\n"
          "\n"
          "What nobody decides about is dropped when its time is over.\n")},
      {"held", "list subject title rule days span owner",
       "The author of a post is told that it waits for a moderator.",
       N_("Your message to {{list}} waits for a moderator"),
       N_("Your message to {{list}}\n"
          "\n"
          "  Subject: {{subject}}\n"
          "\n"
          "waits for a moderator, who decides whether it goes to the list. There is\n"
          "nothing you have to do, and it need not be sent again. If nobody decides\n"
          "within {{span}}, it is dropped.{{#title}}\n"
          "\n"
          "Who may post to this list: {{title}}.{{/title}}\n"
          "\n"
          "The owners of the list can be reached at {{owner}}.\n"
          "(For them: rule {{rule}})\n")},
      {"approved", "list subject owner", "The author of a post is told that a moderator let it pass.",
       N_("Your message to {{list}} was approved"),
       N_("Your message to {{list}}\n"
          "\n"
          "  Subject: {{subject}}\n"
          "\n"
          "was approved and goes to the list.\n")},
      {"rejected", "list subject reason owner", "The author of a post is told that a moderator refused it.",
       N_("Your message to {{list}} was refused"),
       N_("Your message to {{list}}\n"
          "\n"
          "  Subject: {{subject}}\n"
          "\n"
          "was refused by a moderator.\n"
          "{{#reason}}\n"
          "\n"
          "  Reason: {{reason}}\n"
          "{{/reason}}\n"
          "\n"
          "The owners of the list can be reached at {{owner}}.\n")},
      {"stopped", "list email days reply robot owner",
       "A member whose copies came back is told that there are none any more, and how to have them again.",
       N_("You get no more posts of {{list}}"),
       N_("Copies of posts to {{list}} for {{email}} came\n"
          "back on {{days}} days, and none arrived since the first of them. The last answer\n"
          "was:\n"
          "\n"
          "  {{reply}}\n"
          "\n"
          "So you get no more of them. You are still a member. If you can read this,\n"
          "your mailbox takes mail again; to have posts as before, write to\n"
          "{{robot}} with this line:\n"
          "\n"
          "  SET {{local}} MAIL\n"
          "\n"
          "The owners of the list can be reached at {{owner}}.\n")},
      {"stopped_members", "list number days people more",
       "Owners are told of members whose copies came back and who get no more for it.",
       N_("Members of {{list}} who get no more posts: {{number}}"),
       N_("Copies for these members of {{list}} came back on {{days}} days\n"
          "or more, and none arrived since the first of them. They get no more posts, and\n"
          "stay members:\n"
          "\n"
          "{{people}}"
          "{{#more}}\n"
          "  and others: {{more}}\n"
          "{{/more}}"
          "\n"
          "They have been told how to have posts again. You can give posts back to them,\n"
          "or remove them. The list's setting bounce_days says after how many days this\n"
          "is done; 0: never.\n")},
      {"approval", "list what who name key approve reject reply_to link days span reminder",
       "Owners (or listmasters) are asked to approve a request.",
       N_("{{#reminder}}Reminder: {{/reminder}}To approve: {{what}}"),
       N_("This request waits for you:\n"
          "\n"
          "  {{what}}\n"
          "  asked by {{who}}\n"
          "\n"
          "{{#link}}\n"
          "All of it on one page:\n"
          "\n"
          "  {{link}}\n"
          "\n"
          "{{/link}}\n"
          "To approve it, write to   {{approve}}\n"
          "To decline it, write to   {{reject}}\n"
          "  (the first line of what you write goes to {{who}} as the reason)\n"
          "\n"
          "Or answer this message with approve or reject on its first line. The first\n"
          "answer counts. Without one the request expires in {{span}}.\n"
          "\n"
          "For the command robot: CONFIRM {{key}}\n")},
      {"declined", "list what reason owner", "Who asked for something is told that it was declined.",
       N_("Declined: {{what}}"),
       N_("Your request was declined:\n"
          "\n"
          "  {{what}}\n"
          "{{#reason}}\n"
          "\n"
          "  Reason: {{reason}}\n"
          "{{/reason}}\n"
          "\n"
          "The owners can be reached at {{owner}}.\n")},
      {"expired", "list what subject owner",
       "Who waits for an approval is told that nobody answered in time.", N_("Expired: {{what}}"),
       N_("Nobody answered in time, so this was dropped:\n"
          "\n"
          "  {{what}}\n"
          "\n"
          "The owners of the list can be reached at {{owner}}.\n")},
      {"list_deleted", "list domain owner",
       "Whose post or request waits for others is told that the list was deleted.",
       N_("The list {{list}} was deleted"),
       N_("The list {{list}} was deleted, and with it what waited\n"
          "for an answer there: a message of yours, or something that you had asked\n"
          "for. It is neither sent nor done any more.\n"
          "\n"
          "Those who run the lists of {{domain}} can be reached at {{owner}}.\n")},
      {"welcome", "list local description email robot leave owner name", "Who has joined a list is welcomed.",
       N_("Welcome to {{list}}"),
       N_("You, {{email}}, now are a member of the list {{list}}.\n"
          "{{#description}}\n"
          "\n"
          "  {{description}}\n"
          "{{/description}}\n"
          "\n"
          "To post, write to            {{list}}\n"
          "To leave, write to           {{leave}}\n"
          "For the other commands, send HELP to {{robot}}\n"
          "The owners can be reached at {{owner}}\n")},
      {"goodbye", "list email owner", "Who has left a list is told so.", N_("You have left {{list}}"),
       N_("{{email}} is no longer a member of the list {{list}}\n"
          "and gets no more mail from it.\n"
          "\n"
          "If you did not want this, please write to the owners: {{owner}}\n")},
      {"removed", "list email owner", "Whom an owner has removed from a list is told so.",
       N_("You were removed from {{list}}"),
       N_("{{email}} was removed from the list {{list}} by its owners\n"
          "and gets no more mail from it.\n"
          "\n"
          "The owners can be reached at {{owner}}\n")},
      {"invite", "list description who email key reply_to link days span owner",
       "Somebody is invited to join a list.", N_("Invitation to {{list}}"),
       N_("{{who}} invites you, {{email}}, to join the list {{list}}.\n"
          "{{#description}}\n"
          "\n"
          "  {{description}}\n"
          "{{/description}}\n"
          "\n"
          "To join, just answer this message, to {{reply_to}},\n"
          "with yes or without a word. If you do not want to, ignore it.\n"
          "The invitation counts for {{span}}.\n"
          "{{#link}}\n"
          "\n"
          "Or press the button on this page:\n"
          "\n"
          "  {{link}}\n"
          "{{/link}}\n")},
      {"remind", "list leave robot owner description", "Members are reminded of their membership.",
       N_("Reminder: you are a member of {{list}}"),
       N_("You are a member of the list {{list}}.\n"
          "{{#description}}\n"
          "\n"
          "  {{description}}\n"
          "{{/description}}\n"
          "\n"
          "To leave it, write to        {{leave}}\n"
          "For the other commands, send HELP to {{robot}}\n"
          "The owners can be reached at {{owner}}\n")},
      {"notify", "list event email who", "Owners are told what happened on a list.",
       N_("{{list}}: {{event}}"),
       N_("On the list {{list}}:\n"
          "\n"
          "  {{event}}\n"
          "{{#who}}\n"
          "\n"
          "  by {{who}}\n"
          "{{/who}}\n")},
      {"answer", "results robot", "The command robot answers; results has a block for each command.",
       N_("Results of your commands"),
       N_("{{results}}\n"
          "-- \n"
          "{{robot}}; send HELP for the commands\n")},
      {"help", "robot domain", "The answer to HELP.", N_("Help"),
       N_("Commands, one to a line, in the subject or the text of a mail to {{robot}}:\n"
          "\n"
          "  SUBSCRIBE list [name]      join a list\n"
          "  UNSUBSCRIBE list           leave a list; SIGNOFF * leaves all\n"
          "  SET list nomail|mail       stop or resume its mail; SET * for all\n"
          "  SET list digest|summary    have several posts in one mail (digestplain: as\n"
          "                             one text), or be told what there was\n"
          "  SET list not_me            have no copies of your own posts\n"
          "  SET list conceal|noconceal hide or show your address to other members\n"
          "  WHICH                      your lists\n"
          "  LISTS                      the lists of {{domain}}\n"
          "  INFO list                  what a list is for\n"
          "  REVIEW list                its members\n"
          "  INVITE list address        invite somebody\n"
          "  CONFIRM key                confirm what you were asked about\n"
          "  HELP                       this text\n"
          "  QUIT                       ends the commands; before a signature\n"
          "\n"
          "For owners:\n"
          "\n"
          "  ADD list address [name]    add a member\n"
          "  DEL list address           remove one\n"
          "  REMIND list                remind all members of their membership\n"
          "  STATS list                 how many members it has\n"
          "\n"
          "For moderators:\n"
          "\n"
          "  MODINDEX list              what waits\n"
          "  DISTRIBUTE list key        let a message pass\n"
          "  REJECT list key            refuse it\n"
          "\n"
          "QUIET before a command: nobody else is told.\n")},
  };
  return table;
}

const Message* find_message(std::string_view name) {
  for (const Message& message : messages()) {
    if (message.name == name) return &message;
  }
  return nullptr;
}

#undef N_

}  // namespace essaim::lists
