-- contract 0.1, unused since 0.0
-- What a user has allowed an app, by resource: `{"": ["openid", "email"], "https://api.example.com": ["orders:read"]}`, where the
-- scopes under '' are those of the server. Two lists could not say which scope was allowed at which resource, so that what was
-- allowed at resources before is allowed again when the app asks for it.
alter table latchkey.grants add column allowed jsonb not null default '{}';
update latchkey.grants set allowed = jsonb_build_object('', to_jsonb(scopes)) where scopes <> '{}';
alter table latchkey.grants drop column scopes, drop column resources, alter column allowed drop default;
