// Who posts. The texts are ours; names and meaning are those of Sympa.
#include "lists/scenario/shipped/tables.h"

namespace essaim::lists::scenario {

std::vector<Shipped> shipped_send() {
  return {
      {"send", "closed", R"(title.en nobody
title.fr personne
true()  smtp,md5,smime  -> reject(reason='send_closed')
)"},
      {"send", "confidential", R"(title.en subscribers, editors and owners; others are not told anything
title.fr abonnés, modérateurs et propriétaires ; les autres ne sont pas avertis
is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject,quiet
)"},
      {"send", "editorkey", R"(title.en moderated; editors post at once
title.fr modérée ; les modérateurs publient directement
is_editor([listname],[sender])  smtp,md5,smime  -> do_it
true()                          smtp,md5,smime  -> editorkey
)"},
      {"send", "editorkeyauth", R"(title.en moderated; editors post after confirmation
title.fr modérée ; les modérateurs publient après confirmation
is_editor([listname],[sender])  smtp            -> request_auth
is_editor([listname],[sender])  md5,smime       -> do_it
true()                          smtp,md5,smime  -> editorkey
)"},
      {"send", "editordkim",
       R"(title.en moderated; editors post at once where a DKIM signature vouches for them, else after confirmation
title.fr modérée ; les modérateurs publient directement avec une signature DKIM, sinon après confirmation
is_editor([listname],[sender])  smtp                 -> request_auth
is_editor([listname],[sender])  dkim,md5,smime       -> do_it
true()                          smtp,dkim,md5,smime  -> editorkey
)"},
      {"send", "editorkeyonly", R"(title.en moderated, editors included
title.fr modérée, modérateurs compris
true()  smtp,md5,smime  -> editorkey
)"},
      {"send", "editorkeyonlyauth", R"(title.en moderated, editors included, who confirm first
title.fr modérée, modérateurs compris, qui confirment d'abord
is_editor([listname],[sender])  smtp            -> request_auth,editorkey
true()                          smtp,md5,smime  -> editorkey
)"},
      {"send", "newsletter", R"(title.en editors only
title.fr modérateurs seulement
is_editor([listname],[sender])  smtp,md5,smime  -> do_it
true()                          smtp,md5,smime  -> reject(reason='send_editor')
)"},
      {"send", "newsletterkeyonly", R"(title.en editors only, when one of them approves
title.fr modérateurs seulement, avec l'accord de l'un d'eux
is_editor([listname],[sender])  smime           -> do_it
is_editor([listname],[sender])  smtp,md5        -> editorkey
true()                          smtp,md5,smime  -> reject(reason='send_editor')
)"},
      {"send", "owner", R"(title.en owners only
title.fr propriétaires seulement
is_owner([listname],[sender])  smtp,md5,smime  -> do_it
true()                         smtp,md5,smime  -> reject(reason='send_owner')
)"},
      {"send", "owneroreditor", R"(title.en owners and editors only
title.fr propriétaires et modérateurs seulement
is_owner([listname],[sender])   smtp,md5,smime  -> do_it
is_editor([listname],[sender])  smtp,md5,smime  -> do_it
true()                          smtp,md5,smime  -> reject(reason='send_owner')
)"},
      {"send", "ownerauth", R"(title.en owners only, after confirmation
title.fr propriétaires seulement, après confirmation
is_owner([listname],[sender])  smtp            -> request_auth
is_owner([listname],[sender])  md5,smime       -> do_it
true()                         smtp,md5,smime  -> reject(reason='send_owner')
)"},
      {"send", "private", R"(title.en subscribers, editors and owners
title.fr abonnés, modérateurs et propriétaires
is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
is_owner([listname],[sender])       smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> reject(reason='send_subscriber')
)"},
      {"send", "private_smime", R"(title.en subscribers, with an S/MIME signature
title.fr abonnés, avec une signature S/MIME
is_subscriber([listname],[sender])  smime           -> do_it
is_editor([listname],[sender])      smime           -> do_it
is_owner([listname],[sender])       smime           -> do_it
true()                              smtp,md5,smime  -> reject(reason='send_subscriber_smime')
)"},
      {"send", "privateandeditorkey", R"(title.en subscribers, moderated
title.fr abonnés, modérée
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
is_subscriber([listname],[sender])  smtp,md5,smime  -> editorkey
is_owner([listname],[sender])       smtp,md5,smime  -> editorkey
true()                              smtp,md5,smime  -> reject(reason='send_subscriber')
)"},
      {"send", "privateandnomultipartoreditorkey",
       R"(title.en subscribers post plain messages; everything else is moderated
title.fr les abonnés publient des messages simples ; le reste est modéré
match([header->Content-Type][-1],/^multipart/)  smtp,md5,smime  -> editorkey
is_subscriber([listname],[sender])              smtp,md5,smime  -> do_it
true()                                          smtp,md5,smime  -> editorkey
)"},
      {"send", "privatekey", R"(title.en subscribers, after confirmation
title.fr abonnés, après confirmation
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
title.fr abonnés et modérateurs, après confirmation puis modération
is_subscriber([listname],[sender])  smtp            -> request_auth,editorkey
is_editor([listname],[sender])      smtp            -> request_auth,editorkey
is_subscriber([listname],[sender])  md5,smime       -> editorkey
is_editor([listname],[sender])      md5,smime       -> editorkey
true()                              smtp,md5,smime  -> reject(reason='send_subscriber')
)"},
      {"send", "privateoreditorkey", R"(title.en subscribers at once, others moderated
title.fr abonnés directement, autres modérés
is_subscriber([listname],[sender])  smtp,md5,smime  -> do_it
is_editor([listname],[sender])      smtp,md5,smime  -> do_it
true()                              smtp,md5,smime  -> editorkey
)"},
      {"send", "privateorpublickey", R"(title.en subscribers at once, others after confirmation
title.fr abonnés directement, autres après confirmation
true()                              md5,smime  -> do_it
is_subscriber([listname],[sender])  smtp       -> do_it
true()                              smtp       -> request_auth
)"},
      {"send", "public", R"(title.en anyone
title.fr tout le monde
true()  smtp,md5,smime  -> do_it
)"},
      {"send", "public_nobcc", R"(title.en anyone, if To or Cc names the list
title.fr tout le monde, si la liste figure dans To ou Cc
equal([is_bcc],'1')  smtp,md5,smime  -> reject(reason='send_bcc')
true()               smtp,md5,smime  -> do_it
)"},
      {"send", "publickey", R"(title.en anyone, after confirmation
title.fr tout le monde, après confirmation
true()  smtp       -> request_auth
true()  md5,smime  -> do_it
)"},
      {"send", "publicnoattachment", R"(title.en anyone; messages with attachments are moderated
title.fr tout le monde ; messages avec pièces jointes modérés
match([header->Content-Type][-1],/^multipart\/(mixed|related)/)         smtp,md5,smime  -> editorkey
match([header->Content-Type][-1],/^(application|image|audio|video)\//)  smtp,md5,smime  -> editorkey
match([header->Content-Disposition][-1],/^attachment/)                  smtp,md5,smime  -> editorkey
true()                                                                  smtp,md5,smime  -> do_it
)"},
      {"send", "publicnomultipart", R"(title.en anyone, messages of one part
title.fr tout le monde, messages simples
match([header->Content-Type][-1],/^multipart/)  smtp,md5,smime  -> reject(reason='send_multipart')
true()                                          smtp,md5,smime  -> do_it
)"},
  };
}

}  // namespace essaim::lists::scenario
