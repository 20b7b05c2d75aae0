// The header of a message: fields nobody touched keep their bytes, what is written is read the same, values
// are taken apart in bounds.
#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/mail/content_type.h"
#include "core/mail/encoded_word.h"
#include "core/mail/header_block.h"
#include "core/mail/loop.h"
#include "core/mail/message_id.h"
#include "core/mail/subject.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::mail;

namespace {

void check_value(const HeaderField& field) {
  const std::string value = field.value();
  ESSAIM_CHECK(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  ESSAIM_CHECK(is_valid_utf8(decode_encoded_words(field.raw_value())));
  ESSAIM_CHECK(parse_address_list(field.raw_value(), 10).mailboxes.size() <= 10);
  ESSAIM_CHECK(parse_content_type(field.raw_value()).parameters.size() <= kMaxParameters);
  if (const auto id = normalised_message_id(value)) ESSAIM_CHECK(normalised_message_id(*id) == id);
  const std::string tagged = tagged_subject(field.raw_value(), "[tag]");
  ESSAIM_CHECK(tagged_subject(tagged, "[tag]") == tagged);
  ESSAIM_CHECK(is_valid_utf8(base_subject(field.raw_value())));
  // A field that we make can be read, and begins no second one.
  if (const auto made = format_field("X-Made", value); made.ok()) {
    const auto block = HeaderBlock::parse(*made + "\r\n");
    ESSAIM_CHECK(block.ok() && block->fields().size() == 1);
  }
  const std::string words = encode_text(decode_encoded_words(value));
  ESSAIM_CHECK(is_ascii(words) && words.find_first_of("\r\n") == std::string::npos);
}

}  // namespace

ESSAIM_FUZZ_MESSAGES(header) {
  auto header = HeaderBlock::parse(data);
  if (!header.ok()) return;
  ESSAIM_CHECK(header->body_offset() <= data.size());
  std::string fields;
  for (const HeaderField& field : header->fields()) fields += field.raw();
  // All but a line end that was missing.
  const std::size_t sure = fields.size() < 2 ? 0 : fields.size() - 2;
  ESSAIM_CHECK(fields.substr(0, sure) == data.substr(0, sure));
  const std::string text = header->serialise();
  const auto again = HeaderBlock::parse(text);
  ESSAIM_CHECK(again.ok() && again->serialise() == text && again->body_offset() == text.size());
  loop_marks(*header);
  message_id_of(*header);
  for (const HeaderField& field : header->fields()) check_value(field);
  ESSAIM_CHECK(header->insert_raw_top("X-Top: 1").ok() && header->set("Subject", "new").ok());
  const auto edited = HeaderBlock::parse(header->joined_with(data.substr(header->body_offset())));
  if (!edited.ok()) return;  // at the limit of fields
  ESSAIM_CHECK(edited->fields().front().is("X-Top") && edited->value("Subject") == "new");
  ESSAIM_CHECK(edited->count("Subject") == 1);
}
