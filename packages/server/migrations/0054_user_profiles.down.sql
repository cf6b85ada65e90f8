drop table latchkey.user_profiles;
