// The changes that the tables in table.cc are made of, by file.
#pragma once

#include "lists/handlers/handler.h"

namespace essaim::lists::handlers {

// cleanup.cc
Result<void> remove_foreign(Draft& draft);
Result<void> remove_return_path(Draft& draft);
Result<void> remove_by_setting(Draft& draft);
// anonymous.cc
Result<void> hide_author(Draft& draft);
// author.cc
Result<void> treat_author(Draft& draft);
Result<void> remove_claims(Draft& draft);
Result<void> mark_unauthenticated(Draft& draft);
// complete.cc
Result<void> complete(Draft& draft);
Result<void> complete_submitted(Draft& draft);
Result<void> remove_bcc(Draft& draft);
Result<void> remove_bcc_unless_signed(Draft& draft);
// subject.cc
Result<void> tag(Draft& draft);
// reply_to.cc
Result<void> reply_to(Draft& draft);
// marks.cc
Result<void> mark_loop(Draft& draft);
Result<void> mark_original(Draft& draft);
Result<void> remove_original(Draft& draft);
Result<void> precedence(Draft& draft);
Result<void> validation(Draft& draft);
// list_fields.cc
Result<void> list_fields(Draft& draft);
// add_headers.cc
Result<void> add_by_setting(Draft& draft);
// ascii.cc
Result<void> ascii_fields(Draft& draft);
Result<void> ascii_submitted(Draft& draft);
// words.cc
Result<void> header_words(Draft& draft);
Result<void> footer_words(Draft& draft);
// lines.cc
// A DKIM signature of the message as it came holds, or may: one that did not verify is nothing to spare.
bool is_well_signed(const Draft& draft);
Result<void> short_lines(Draft& draft);
Result<void> short_lines_unless_signed(Draft& draft);

}  // namespace essaim::lists::handlers
