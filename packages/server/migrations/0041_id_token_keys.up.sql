-- expand 0.1
-- Keys of ID tokens are a line apart from those of access tokens, so that no check of an access token accepts a signature of
-- an ID token. OpenID Connect Core 1.0 §15.1 requires RS256; ES256 is for clients that ask for it.
alter table latchkey.signing_keys
  add column line text not null default 'access_token' check (line in ('access_token', 'id_token')),
  add constraint signing_keys_id_token check (line <> 'id_token' or algorithm in ('RS256', 'ES256'));
