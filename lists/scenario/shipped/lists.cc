// Lists, archives, documents and domains. The texts are ours; names and meaning are those of Sympa.
#include "lists/scenario/shipped/tables.h"

namespace essaim::lists::scenario {

std::vector<Shipped> shipped_lists() {
  return {
      {"info", "conceal", R"(title.en subscribers and owners

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='info_subscriber')
)"},
      {"info", "open", R"(title.en anyone

true()  smtp,md5,smime  -> do_it
)"},
      {"info", "private", R"(title.en subscribers and owners

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='info_subscriber')
)"},
      {"visibility", "conceal", R"(title.en subscribers, owners and editors

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject
)"},
      {"visibility", "identified", R"(title.en whoever is known

equal([sender],'nobody')  smtp,md5,smime  -> reject
true()                    smtp,md5,smime  -> do_it
)"},
      {"visibility", "noconceal", R"(title.en anyone

true()  smtp,md5,smime  -> do_it
)"},
      {"visibility", "secret", R"(title.en nobody but owners and editors

is_owner([listname],[sender])   smtp,md5,smime  -> do_it
is_editor([listname],[sender])  smtp,md5,smime  -> do_it
true()                          smtp,md5,smime  -> reject
)"},
      {"archive_mail_access", "closed", R"(title.en nobody

true()  smtp,md5,smime  -> reject(reason='archive_closed')
)"},
      {"archive_mail_access", "owner", R"(title.en owners and editors

is_owner([listname],[sender])   smtp,md5,smime  -> do_it
is_editor([listname],[sender])  smtp,md5,smime  -> do_it
true()                          smtp,md5,smime  -> reject(reason='archive_owner')
)"},
      {"archive_mail_access", "private", R"(title.en subscribers, owners and editors

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='archive_subscriber')
)"},
      {"archive_mail_access", "public", R"(title.en anyone

true()  smtp,md5,smime  -> do_it
)"},
      {"archive_web_access", "closed", R"(title.en nobody

true()  smtp,md5,smime  -> reject(reason='archive_closed')
)"},
      {"archive_web_access", "listmaster", R"(title.en listmasters

is_listmaster([sender])  smtp,md5,smime  -> do_it
true()                   smtp,md5,smime  -> reject(reason='archive_listmaster')
)"},
      {"archive_web_access", "owner", R"(title.en owners and editors

is_owner([listname],[sender])   smtp,md5,smime  -> do_it
is_editor([listname],[sender])  smtp,md5,smime  -> do_it
true()                          smtp,md5,smime  -> reject(reason='archive_owner')
)"},
      {"archive_web_access", "private", R"(title.en subscribers, owners and editors

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='archive_subscriber')
)"},
      {"archive_web_access", "public", R"(title.en anyone

true()  smtp,md5,smime  -> do_it
)"},
      {"tracking", "owner", R"(title.en owners and editors

is_owner([listname],[sender])   md5,smime       -> do_it
is_editor([listname],[sender])  md5,smime       -> do_it
true()                          smtp,md5,smime  -> reject(reason='tracking_owner')
)"},
      {"tracking", "private", R"(title.en subscribers, owners and editors

is_subscriber([listname],[sender])  md5,smime       -> do_it
is_owner([listname],[sender])       md5,smime       -> do_it
is_editor([listname],[sender])      md5,smime       -> do_it
true()                              smtp,md5,smime  -> reject(reason='tracking_subscriber')
)"},
      {"d_read", "owner", R"(title.en owners

is_owner([listname],[sender])  smtp,md5,smime  -> do_it
true()                         smtp,md5,smime  -> reject(reason='documents_owner')
)"},
      {"d_read", "private", R"(title.en subscribers and owners

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='documents_subscriber')
)"},
      {"d_read", "private-https", R"(title.en subscribers and owners

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='documents_subscriber')
)"},
      {"d_read", "public", R"(title.en anyone

true()  smtp,md5,smime  -> do_it
)"},
      {"d_edit", "editor", R"(title.en subscribers, when an editor approves

is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
is_subscriber([listname],[sender])  smtp,md5,smime  -> editor
true()                              smtp,md5,smime  -> reject(reason='documents_subscriber')
)"},
      {"d_edit", "owner", R"(title.en owners

is_owner([listname],[sender])  smtp,md5,smime  -> do_it
true()                         smtp,md5,smime  -> reject(reason='documents_owner')
)"},
      {"d_edit", "private", R"(title.en subscribers and owners

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='documents_subscriber')
)"},
      {"d_edit", "private-https", R"(title.en subscribers and owners

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='documents_subscriber')
)"},
      {"d_edit", "public", R"(title.en anyone

true()  smtp,md5,smime  -> do_it
)"},
      {"create_list", "closed", R"(title.en nobody

true()  smtp,md5,smime  -> reject(reason='create_closed')
)"},
      {"create_list", "listmaster", R"(title.en listmasters

is_listmaster([sender])  md5,smime       -> do_it
true()                   smtp,md5,smime  -> reject(reason='create_listmaster')
)"},
      {"create_list", "public_listmaster", R"(title.en anyone, with the approval of a listmaster

is_listmaster([sender])  md5,smime  -> do_it
true()                   md5,smime  -> listmaster
true()                   smtp       -> request_auth,listmaster
)"},
      {"move_user", "auth", R"(title.en whoever confirms from the new address

is_listmaster([sender])          md5,smime       -> do_it
equal([sender],[current_email])  smtp            -> request_auth
equal([sender],[current_email])  md5,smime       -> request_auth([email]),do_it
true()                           smtp,md5,smime  -> reject(reason='move_user')
)"},
      {"move_user", "closed", R"(title.en nobody

true()  smtp,md5,smime  -> reject(reason='move_closed')
)"},
      {"move_user", "listmaster", R"(title.en listmasters

is_listmaster([sender])  md5,smime       -> do_it
true()                   smtp,md5,smime  -> reject(reason='move_listmaster')
)"},
      {"global_remind", "listmaster", R"(title.en listmasters

is_listmaster([sender])  smtp            -> request_auth
is_listmaster([sender])  md5,smime       -> do_it
true()                   smtp,md5,smime  -> reject(reason='remind_listmaster')
)"},
      {"family_signoff", "auth", R"(title.en after confirmation

!equal([sender],[email])  smtp,md5,smime  -> request_auth([email])
true()                    smtp            -> request_auth([email])
true()                    md5,smime       -> do_it
)"},
      {"family_signoff", "closed", R"(title.en nobody

true()  smtp,md5,smime  -> reject(reason='unsub_closed')
)"},
      {"automatic_list_creation", "family_owner", R"(title.en owners of the family

is_listmaster([sender])  smtp,md5,smime  -> do_it
true()                   smtp,md5,smime  -> reject(reason='create_family_owner')
)"},
      {"automatic_list_creation", "listmaster", R"(title.en listmasters

is_listmaster([sender])  smtp,md5,smime  -> do_it
true()                   smtp,md5,smime  -> reject(reason='create_listmaster')
)"},
      {"automatic_list_creation", "public", R"(title.en anyone

true()  smtp,md5,smime  -> do_it
)"},
      {"topics_visibility", "conceal", R"(title.en nobody

true()  smtp,md5,smime  -> reject
)"},
      {"topics_visibility", "identified", R"(title.en whoever is known

equal([sender],'nobody')  smtp,md5,smime  -> reject
true()                    smtp,md5,smime  -> do_it
)"},
      {"topics_visibility", "noconceal", R"(title.en anyone

true()  smtp,md5,smime  -> do_it
)"},
      {"spam_status", "bogofilter", R"(title.en X-Bogosity as bogofilter writes it

match([header->X-Bogosity],/^(Spam|Yes)/)  smtp,md5,smime  -> spam
match([header->X-Bogosity],/^Unsure/)      smtp,md5,smime  -> unsure
true()                                     smtp,md5,smime  -> ham
)"},
      {"spam_status", "j-chkmail", R"(title.en X-J-Chkmail-Status as j-chkmail writes it

match([header->X-J-Chkmail-Status],/Hi/)      smtp,md5,smime  -> spam
match([header->X-J-Chkmail-Status],/Unsure/)  smtp,md5,smime  -> unsure
true()                                        smtp,md5,smime  -> ham
)"},
      {"spam_status", "none", R"(title.en nothing is spam

true()  smtp,md5,smime  -> ham
)"},
      {"spam_status", "rspamd", R"(title.en X-Spam as rspamd writes it

match([header->X-Spam],/^Yes/)         smtp,md5,smime  -> spam
match([header->X-Spam-Status],/^Yes/)  smtp,md5,smime  -> spam
true()                                 smtp,md5,smime  -> ham
)"},
      {"spam_status", "spamassassin", R"(title.en X-Spam-Flag as SpamAssassin writes it

match([header->X-Spam-Flag],/^YES/)    smtp,md5,smime  -> spam
match([header->X-Spam-Status],/^Yes/)  smtp,md5,smime  -> spam
true()                                 smtp,md5,smime  -> ham
)"},
      {"spam_status", "x-spam-status", R"(title.en X-Spam-Status with Yes at its beginning

match([header->X-Spam-Status],/^Yes/)  smtp,md5,smime  -> spam
true()                                 smtp,md5,smime  -> ham
)"},
  };
}

}  // namespace essaim::lists::scenario
