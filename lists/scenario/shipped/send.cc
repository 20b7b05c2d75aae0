// Who posts. The texts are ours; names and meaning are those of Sympa.
#include "lists/scenario/shipped/tables.h"

namespace essaim::lists::scenario {

std::vector<Shipped> shipped_send() {
  return {
      {"send", "closed", R"(title.en nobody

true()  smtp,md5,smime  -> reject(reason='send_closed')
)"},
      {"send", "confidential", R"(title.en subscribers, editors and owners; others are not told anything

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject,quiet
)"},
      {"send", "editorkey", R"(title.en moderated; editors post at once

is_editor([listname],[sender])  smtp,md5,smime  -> do_it
true()                          smtp,md5,smime  -> editorkey
)"},
      {"send", "editorkeyauth", R"(title.en moderated; editors post after confirmation

is_editor([listname],[sender])  smtp            -> request_auth
is_editor([listname],[sender])  md5,smime       -> do_it
true()                          smtp,md5,smime  -> editorkey
)"},
      {"send", "editordkim",
       R"(title.en moderated; editors post at once where a DKIM signature vouches for them, else after confirmation

is_editor([listname],[sender])  smtp                 -> request_auth
is_editor([listname],[sender])  dkim,md5,smime       -> do_it
true()                          smtp,dkim,md5,smime  -> editorkey
)"},
      {"send", "editorkeyonly", R"(title.en moderated, editors included

true()  smtp,md5,smime  -> editorkey
)"},
      {"send", "editorkeyonlyauth", R"(title.en moderated, editors included, who confirm first

is_editor([listname],[sender])  smtp            -> request_auth,editorkey
true()                          smtp,md5,smime  -> editorkey
)"},
      {"send", "newsletter", R"(title.en editors only

is_editor([listname],[sender])  smtp,md5,smime  -> do_it
true()                          smtp,md5,smime  -> reject(reason='send_editor')
)"},
      {"send", "newsletterkeyonly", R"(title.en editors only, when one of them approves

is_editor([listname],[sender])  smime           -> do_it
is_editor([listname],[sender])  smtp,md5        -> editorkey
true()                          smtp,md5,smime  -> reject(reason='send_editor')
)"},
      {"send", "owner", R"(title.en owners only

is_owner([listname],[sender])  smtp,md5,smime  -> do_it
true()                         smtp,md5,smime  -> reject(reason='send_owner')
)"},
      {"send", "owneroreditor", R"(title.en owners and editors only

is_owner([listname],[sender])   smtp,md5,smime  -> do_it
is_editor([listname],[sender])  smtp,md5,smime  -> do_it
true()                          smtp,md5,smime  -> reject(reason='send_owner')
)"},
      {"send", "ownerauth", R"(title.en owners only, after confirmation

is_owner([listname],[sender])  smtp            -> request_auth
is_owner([listname],[sender])  md5,smime       -> do_it
true()                         smtp,md5,smime  -> reject(reason='send_owner')
)"},
      {"send", "private", R"(title.en subscribers, editors and owners

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='send_subscriber')
)"},
      {"send", "private_smime", R"(title.en subscribers, with an S/MIME signature

is_subscriber([listname],[sender])  smime           -> do_it
is_editor([listname],[sender])      smime           -> do_it
is_owner([listname],[sender])       smime           -> do_it
true()                              smtp,md5,smime  -> reject(reason='send_subscriber_smime')
)"},
      {"send", "privateandeditorkey", R"(title.en subscribers, moderated

is_editor([listname],[sender])      smtp,md5,smime  -> do_it
is_subscriber([listname],[sender])  smtp,md5,smime  -> editorkey
is_owner([listname],[sender])       smtp,md5,smime  -> editorkey
true()                              smtp,md5,smime  -> reject(reason='send_subscriber')
)"},
      {"send", "privateandnomultipartoreditorkey",
       R"(title.en subscribers post plain messages; everything else is moderated

match([header->Content-Type][-1],/^multipart/)  smtp,md5,smime  -> editorkey
is_subscriber([listname],[sender])              smtp,md5,smime  -> do_it
true()                                          smtp,md5,smime  -> editorkey
)"},
      {"send", "privatekey", R"(title.en subscribers, after confirmation

is_subscriber([listname],[sender])  smtp            -> request_auth
is_editor([listname],[sender])      smtp            -> request_auth
is_owner([listname],[sender])       smtp            -> request_auth
is_subscriber([listname],[sender])  md5,smime       -> do_it
is_editor([listname],[sender])      md5,smime       -> do_it
is_owner([listname],[sender])       md5,smime       -> do_it
true()                              smtp,md5,smime  -> reject(reason='send_subscriber')
)"},
      {"send", "privatekeyandeditorkeyonly",
       R"(title.en subscribers and editors, after confirmation and then moderated

is_subscriber([listname],[sender])  smtp            -> request_auth,editorkey
is_editor([listname],[sender])      smtp            -> request_auth,editorkey
is_subscriber([listname],[sender])  md5,smime       -> editorkey
is_editor([listname],[sender])      md5,smime       -> editorkey
true()                              smtp,md5,smime  -> reject(reason='send_subscriber')
)"},
      {"send", "privateoreditorkey", R"(title.en subscribers at once, others moderated

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> editorkey
)"},
      {"send", "privateorpublickey", R"(title.en subscribers at once, others after confirmation

true()                              md5,smime  -> do_it
is_subscriber([listname],[sender])  smtp       -> do_it
true()                              smtp       -> request_auth
)"},
      {"send", "public", R"(title.en anyone

true()  smtp,md5,smime  -> do_it
)"},
      {"send", "public_nobcc", R"(title.en anyone, if To or Cc names the list

equal([is_bcc],'1')  smtp,md5,smime  -> reject(reason='send_bcc')
true()               smtp,md5,smime  -> do_it
)"},
      {"send", "publickey", R"(title.en anyone, after confirmation

true()  smtp       -> request_auth
true()  md5,smime  -> do_it
)"},
      {"send", "publicnoattachment", R"(title.en anyone; messages with attachments are moderated

match([header->Content-Type][-1],/^multipart\/(mixed|related)/)         smtp,md5,smime  -> editorkey
match([header->Content-Type][-1],/^(application|image|audio|video)\//)  smtp,md5,smime  -> editorkey
match([header->Content-Disposition][-1],/^attachment/)                  smtp,md5,smime  -> editorkey
true()                                                                  smtp,md5,smime  -> do_it
)"},
      {"send", "publicnomultipart", R"(title.en anyone, messages of one part

match([header->Content-Type][-1],/^multipart/)  smtp,md5,smime  -> reject(reason='send_multipart')
true()                                          smtp,md5,smime  -> do_it
)"},
  };
}

}  // namespace essaim::lists::scenario
