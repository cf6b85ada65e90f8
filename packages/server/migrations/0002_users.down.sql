alter table latchkey.letters drop column user_id;
drop table latchkey.links, latchkey.password_history, latchkey.passwords, latchkey.emails, latchkey.users;
