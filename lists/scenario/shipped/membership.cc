// Joining, leaving and managing members. The texts are ours; names and meaning are those of Sympa ("invitation" is new).
#include "lists/scenario/shipped/tables.h"

namespace essaim::lists::scenario {

std::vector<Shipped> shipped_membership() {
  return {
      {"subscribe", "open", R"(title.en anyone

!equal([sender],[email])  smtp,md5,smime  -> request_auth([email])
true()                    smtp,md5,smime  -> do_it
)"},
      {"subscribe", "open_notify", R"(title.en anyone; the owners are told

!equal([sender],[email])           smtp,md5,smime  -> request_auth([email])
is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                             smtp,md5,smime  -> do_it,notify
)"},
      {"subscribe", "open_quiet", R"(title.en anyone, without a welcome

!equal([sender],[email])  smtp,md5,smime  -> request_auth([email])
true()                    smtp,md5,smime  -> do_it,quiet
)"},
      {"subscribe", "auth", R"(title.en anyone, after confirmation

!equal([sender],[email])           smtp,md5,smime  -> request_auth([email])
is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                             smtp            -> request_auth([email])
true()                             md5,smime       -> do_it
)"},
      {"subscribe", "auth_notify", R"(title.en anyone, after confirmation; the owners are told

!equal([sender],[email])           smtp,md5,smime  -> request_auth([email])
is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                             smtp            -> request_auth([email])
true()                             md5,smime       -> do_it,notify
)"},
      {"subscribe", "auth_owner", R"(title.en after confirmation, with the approval of an owner

!equal([sender],[email])           smtp,md5,smime  -> request_auth([email])
is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                             smtp            -> request_auth([email]),owner
true()                             md5,smime       -> owner
)"},
      {"subscribe", "authdkim", R"(title.en anyone, after confirmation by whom no DKIM signature vouches for

!equal([sender],[email])           smtp,dkim,md5,smime  -> request_auth([email])
is_subscriber([listname],[email])  smtp,dkim,md5,smime  -> do_it
true()                             smtp                 -> request_auth([email])
true()                             dkim,md5,smime       -> do_it
)"},
      {"subscribe", "auth_notifydkim",
       R"(title.en anyone, after confirmation by whom no DKIM signature vouches for; the owners are told

!equal([sender],[email])           smtp,dkim,md5,smime  -> request_auth([email])
is_subscriber([listname],[email])  smtp,dkim,md5,smime  -> do_it
true()                             smtp                 -> request_auth([email])
true()                             dkim,md5,smime       -> do_it,notify
)"},
      {"subscribe", "auth_ownerdkim",
       R"(title.en after confirmation by whom no DKIM signature vouches for, with the approval of an owner

!equal([sender],[email])           smtp,dkim,md5,smime  -> request_auth([email])
is_subscriber([listname],[email])  smtp,dkim,md5,smime  -> do_it
true()                             smtp                 -> request_auth([email]),owner
true()                             dkim,md5,smime       -> owner
)"},
      {"subscribe", "closed", R"(title.en nobody

!equal([sender],[email])           smtp,md5,smime  -> reject(reason='sub_closed')
is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                             smtp,md5,smime  -> reject(reason='sub_closed')
)"},
      {"subscribe", "owner", R"(title.en with the approval of an owner

!equal([sender],[email])           smtp,md5,smime  -> request_auth([email])
is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
is_owner([listname],[email])       smtp,md5,smime  -> do_it
true()                             smtp,md5,smime  -> owner
)"},
      {"subscribe", "smime", R"(title.en anyone, with an S/MIME signature

!equal([sender],[email])           smtp,md5,smime  -> request_auth([email])
is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                             smtp,md5        -> reject(reason='sub_smime')
true()                             smime           -> do_it
)"},
      {"subscribe", "smimeorowner", R"(title.en with an S/MIME signature, or the approval of an owner

!equal([sender],[email])           smtp,md5,smime  -> request_auth([email])
is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                             smtp,md5        -> owner
true()                             smime           -> do_it
)"},
      {"subscribe", "invitation", R"(title.en by invitation only

!equal([sender],[email])           smtp,md5,smime  -> reject(reason='sub_invitation')
is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                             smtp,md5,smime  -> reject(reason='sub_invitation')
)"},
      {"unsubscribe", "open", R"(title.en anyone

!equal([sender],[email])  smtp,md5,smime  -> request_auth([email])
true()                    smtp,md5,smime  -> do_it
)"},
      {"unsubscribe", "open_notify", R"(title.en anyone; the owners are told

!equal([sender],[email])            smtp,md5,smime  -> request_auth([email])
!is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> do_it,notify
)"},
      {"unsubscribe", "auth", R"(title.en after confirmation

!equal([sender],[email])            smtp,md5,smime  -> request_auth([email])
!is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                              smtp            -> request_auth([email])
true()                              md5,smime       -> do_it
)"},
      {"unsubscribe", "auth_notify", R"(title.en after confirmation; the owners are told

!equal([sender],[email])            smtp,md5,smime  -> request_auth([email])
!is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                              smtp            -> request_auth([email])
true()                              md5,smime       -> do_it,notify
)"},
      {"unsubscribe", "authdkim", R"(title.en after confirmation by whom no DKIM signature vouches for

!equal([sender],[email])            smtp,dkim,md5,smime  -> request_auth([email])
!is_subscriber([listname],[email])  smtp,dkim,md5,smime  -> do_it
true()                              smtp                 -> request_auth([email])
true()                              dkim,md5,smime       -> do_it
)"},
      {"unsubscribe", "auth_notifydkim",
       R"(title.en after confirmation by whom no DKIM signature vouches for; the owners are told

!equal([sender],[email])            smtp,dkim,md5,smime  -> request_auth([email])
!is_subscriber([listname],[email])  smtp,dkim,md5,smime  -> do_it
true()                              smtp                 -> request_auth([email])
true()                              dkim,md5,smime       -> do_it,notify
)"},
      {"unsubscribe", "closed", R"(title.en nobody

!equal([sender],[email])            smtp,md5,smime  -> reject(reason='unsub_closed')
!is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='unsub_closed')
)"},
      {"unsubscribe", "owner", R"(title.en with the approval of an owner

!equal([sender],[email])            smtp,md5,smime  -> request_auth([email])
!is_subscriber([listname],[email])  smtp,md5,smime  -> do_it
is_owner([listname],[email])        smtp            -> request_auth([email])
is_owner([listname],[email])        md5,smime       -> do_it
true()                              smtp,md5,smime  -> owner
)"},
      {"add", "auth", R"(title.en owners, after confirmation

is_owner([listname],[sender])  smtp            -> request_auth
is_owner([listname],[sender])  md5,smime       -> do_it
true()                         smtp,md5,smime  -> reject(reason='add_owner')
)"},
      {"add", "authdkim", R"(title.en owners, after confirmation by whom no DKIM signature vouches for

is_owner([listname],[sender])  smtp                 -> request_auth
is_owner([listname],[sender])  dkim,md5,smime       -> do_it
true()                         smtp,dkim,md5,smime  -> reject(reason='add_owner')
)"},
      {"add", "ownerdkim", R"(title.en owners, after confirmation by whom no DKIM signature vouches for

is_owner([listname],[sender])  smtp                 -> request_auth
is_owner([listname],[sender])  dkim,md5,smime       -> do_it
true()                         smtp,dkim,md5,smime  -> reject(reason='add_owner')
)"},
      {"add", "closed", R"(title.en nobody

true()  smtp,md5,smime  -> reject(reason='add_closed')
)"},
      {"add", "owner", R"(title.en owners

is_owner([listname],[sender])  smtp,md5,smime  -> do_it
true()                         smtp,md5,smime  -> reject(reason='add_owner')
)"},
      {"add", "owner_notify", R"(title.en owners; the others are told

is_owner([listname],[sender])  smtp,md5,smime  -> do_it,notify
true()                         smtp,md5,smime  -> reject(reason='add_owner')
)"},
      {"del", "auth", R"(title.en owners, after confirmation

is_owner([listname],[sender])  smtp            -> request_auth
is_owner([listname],[sender])  md5,smime       -> do_it
true()                         smtp,md5,smime  -> reject(reason='del_owner')
)"},
      {"del", "authdkim", R"(title.en owners, after confirmation by whom no DKIM signature vouches for

is_owner([listname],[sender])  smtp                 -> request_auth
is_owner([listname],[sender])  dkim,md5,smime       -> do_it
true()                         smtp,dkim,md5,smime  -> reject(reason='del_owner')
)"},
      {"del", "ownerdkim", R"(title.en owners, after confirmation by whom no DKIM signature vouches for

is_owner([listname],[sender])  smtp                 -> request_auth
is_owner([listname],[sender])  dkim,md5,smime       -> do_it
true()                         smtp,dkim,md5,smime  -> reject(reason='del_owner')
)"},
      {"del", "closed", R"(title.en nobody

true()  smtp,md5,smime  -> reject(reason='del_closed')
)"},
      {"del", "owner", R"(title.en owners

is_owner([listname],[sender])  smtp,md5,smime  -> do_it
true()                         smtp,md5,smime  -> reject(reason='del_owner')
)"},
      {"del", "owner_notify", R"(title.en owners; the others are told

is_owner([listname],[sender])  smtp,md5,smime  -> do_it,notify
true()                         smtp,md5,smime  -> reject(reason='del_owner')
)"},
      {"invite", "closed", R"(title.en nobody

true()  smtp,md5,smime  -> reject(reason='invite_closed')
)"},
      {"invite", "owner", R"(title.en owners

is_owner([listname],[sender])  smtp,md5,smime  -> do_it
true()                         smtp,md5,smime  -> reject(reason='invite_owner')
)"},
      {"invite", "ownerauth", R"(title.en owners, after confirmation

is_owner([listname],[sender])  smtp            -> request_auth
is_owner([listname],[sender])  md5,smime       -> do_it
true()                         smtp,md5,smime  -> reject(reason='invite_owner')
)"},
      {"invite", "private", R"(title.en subscribers, owners and editors

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='invite_subscriber')
)"},
      {"invite", "privateauth", R"(title.en subscribers and owners, after confirmation

is_subscriber([listname],[sender])  smtp            -> request_auth
is_owner([listname],[sender])       smtp            -> request_auth
is_subscriber([listname],[sender])  md5,smime       -> do_it
is_owner([listname],[sender])       md5,smime       -> do_it
true()                              smtp,md5,smime  -> reject(reason='invite_subscriber')
)"},
      {"invite", "public", R"(title.en anyone, after confirmation

true()  smtp       -> request_auth
true()  md5,smime  -> do_it
)"},
      {"review", "closed", R"(title.en nobody

true()  smtp,md5,smime  -> reject(reason='review_closed')
)"},
      {"review", "listmaster", R"(title.en listmasters

is_listmaster([sender])  smtp,md5,smime  -> do_it
true()                   smtp,md5,smime  -> reject(reason='review_listmaster')
)"},
      {"review", "owner", R"(title.en owners

is_owner([listname],[sender])  smtp,md5,smime  -> do_it
true()                         smtp,md5,smime  -> reject(reason='review_owner')
)"},
      {"review", "private", R"(title.en subscribers, owners and editors

is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='review_subscriber')
)"},
      {"review", "public", R"(title.en anyone

true()  smtp,md5,smime  -> do_it
)"},
      {"remind", "listmaster", R"(title.en listmasters

is_listmaster([sender])  smtp            -> request_auth
is_listmaster([sender])  md5,smime       -> do_it
true()                   smtp,md5,smime  -> reject(reason='remind_listmaster')
)"},
      {"remind", "owner", R"(title.en owners

is_owner([listname],[sender])  smtp            -> request_auth
is_owner([listname],[sender])  md5,smime       -> do_it
true()                         smtp,md5,smime  -> reject(reason='remind_owner')
)"},
      {"remind", "ownerdkim", R"(title.en owners, after confirmation by whom no DKIM signature vouches for

is_owner([listname],[sender])  smtp                 -> request_auth
is_owner([listname],[sender])  dkim,md5,smime       -> do_it
true()                         smtp,dkim,md5,smime  -> reject(reason='remind_owner')
)"},
      {"remind", "listmasterdkim",
       R"(title.en listmasters, after confirmation by whom no DKIM signature vouches for

is_listmaster([sender])  smtp                 -> request_auth
is_listmaster([sender])  dkim,md5,smime       -> do_it
true()                   smtp,dkim,md5,smime  -> reject(reason='remind_listmaster')
)"},
  };
}

}  // namespace essaim::lists::scenario
