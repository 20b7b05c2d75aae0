#include <boost/test/unit_test.hpp>

#include "web/form.h"

using namespace essaim;
using namespace essaim::web;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string shown(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += name + "=" + value + "|";
  return out;
}

std::string urlencoded(std::string_view body) {
  const auto form = Form::read_urlencoded(body);
  return form.ok() ? shown(form->fields()) : form.error().message;
}

std::string multipart(std::string_view body, std::string_view boundary = "cut") {
  const auto form = Form::read_multipart(body, boundary);
  return form.ok() ? shown(form->fields()) : form.error().message;
}

http::ServerRequest request(std::string type, std::string body) {
  http::ServerRequest out;
  out.fields.push_back({"content-type", std::move(type)});
  out.body = std::move(body);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(forms)

BOOST_AUTO_TEST_CASE(urlencoded_fields_are_decoded_as_browsers_encode_them) {
  BOOST_TEST(urlencoded("List-Unsubscribe=One-Click") == "List-Unsubscribe=One-Click|");
  BOOST_TEST(urlencoded("a=1&b=2+3%20%C3%A9&&c&=d&e=%zz%4") == "a=1|b=2 3 é|c=|=d|e=%zz%4|");
  BOOST_TEST(urlencoded("") == "");
  BOOST_TEST(urlencoded("List%2DUnsubscribe=One%2dClick") == "List-Unsubscribe=One-Click|");
  std::string many;
  for (std::size_t i = 0; i <= Form::kMostFields; ++i) many += "a=1&";
  BOOST_TEST(urlencoded(many) == "the form has too many fields");
}

BOOST_AUTO_TEST_CASE(parts_of_a_multipart_form_are_fields) {
  BOOST_TEST(multipart("--cut\r\nContent-Disposition: form-data; "
                       "name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--cut--\r\n") ==
             "List-Unsubscribe=One-Click|");
  BOOST_TEST(
      multipart(
          "preamble\r\n--cut\r\ncontent-type: text/plain\r\nCONTENT-DISPOSITION: form-data; name=a\r\n\r\n"
          "1\r\n2\r\n--cut\r\nContent-Disposition: form-data; x=y; name=\"q\\\"b;\"; "
          "z=1\r\n\r\n\r\n--cut--") == "a=1\r\n2|q\"b;=|");
  BOOST_TEST(multipart("--cut--") == "");
  for (const char* bad :
       {"", "nothing", "--cut", "--cut\r\n", "--cut\r\nContent-Disposition: form-data; name=a\r\n\r\n1",
        "--cut\r\nX: y\r\n\r\n1\r\n--cut--", "--cutContent\r\n\r\n--cut--",
        "--cut\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--cut--"})
    BOOST_TEST(!Form::read_multipart(bad, "cut").ok(), bad);
  BOOST_TEST(!Form::read_multipart("--\r\n", "").ok());
  BOOST_TEST(!Form::read_multipart("--x", std::string(71, 'x')).ok());
}

BOOST_AUTO_TEST_CASE(the_type_of_the_request_says_which_it_is) {
  BOOST_TEST(Form::read(request("Application/X-WWW-Form-Urlencoded; charset=utf-8", "a=b"))->value("a") ==
             "b");
  BOOST_TEST(Form::read(request("multipart/form-data; boundary=\"c t\"",
                                "--c t\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--c t--"))
                 ->value("a") == "b");
  BOOST_TEST((Form::read(request("text/plain", "a=b")).error().code == ErrorCode::kNotFound));
  BOOST_TEST((Form::read(request("", "")).error().code == ErrorCode::kNotFound));
  BOOST_TEST((Form::read(request("multipart/form-data", "--")).error().code == ErrorCode::kInvalid));
}

BOOST_AUTO_TEST_SUITE_END()
