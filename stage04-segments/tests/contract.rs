use stage04::Stage04;

lab::contract!(Stage04);
