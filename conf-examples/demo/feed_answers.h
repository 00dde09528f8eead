
/*
 * Copyright (C) the ngx_kafka_ws_module authors
 *
 * What the demo's feed has to say: four users, their questions, and the
 * answers that arrive token by token.
 */


#ifndef _FEED_ANSWERS_H_INCLUDED_
#define _FEED_ANSWERS_H_INCLUDED_


#define FEED_USERS      4
#define FEED_DIALOGUES  3


typedef struct {
    const char  *question;
    const char  *answer;
} feed_dialogue_t;


typedef struct {
    const char       *name;
    unsigned          interval;     /* ms from token to token */
    feed_dialogue_t   dialogues[FEED_DIALOGUES];
} feed_user_t;


static const feed_user_t  feed_users[FEED_USERS] = {

    { "alice", 52, {

        { "Why does the sea look blue?",
          "Water is not quite colourless: it absorbs red light a little "
          "more eagerly than blue. A glass of it is too thin to show. In "
          "the open sea the light travels tens of metres down, loses its "
          "reds on the way, and what is scattered back to you is mostly "
          "blue. The sky adds its reflection, but on an overcast day a deep "
          "sea stays blue all the same. Near the coast, algae and silt put "
          "green and brown into the mixture." },

        { "How do I keep a sourdough starter alive?",
          "Feed it by weight, not by feeling: one part starter, one part "
          "water, one part flour. At room temperature do so once a day. In "
          "the fridge, once a week is enough. A layer of dark liquid on top "
          "only means that it is hungry; pour it off or stir it in. Throw "
          "it away if you see pink or orange streaks, or fur of any colour. "
          "And keep a spoonful dried on baking paper: that is your backup." },

        { "What is a leap second, in plain words?",
          "Clocks count atoms, days count turns of the Earth, and the Earth "
          "is a slightly irregular clock. Whenever the two drifted apart by "
          "almost a second, one was added to the last minute of a June or a "
          "December. It happened twenty-seven times since 1972. Computers "
          "disliked it so much that the practice is to end by 2035, and the "
          "difference will be allowed to grow for a century or so." }
    } },

    { "bruno", 61, {

        { "Summarise yesterday's incident for the status page.",
          "Between 14:02 and 14:19 UTC, about three percent of checkout "
          "requests were answered with an error. A certificate on one of "
          "two internal gateways had expired. Traffic was moved to the "
          "other gateway at 14:17, and the certificate was renewed at "
          "14:31. No order was lost or charged twice. Expiry dates of "
          "internal certificates are now watched in the same way as those "
          "of public ones." },

        { "Draft a friendly reminder about the quarterly report.",
          "Hello everyone, the quarterly report is due on Friday at noon. "
          "Most sections are in already, thank you. Still missing are the "
          "figures for the northern region and two photographs of the new "
          "workshop. If a number is not final yet, please send the best one "
          "you have and mark it as such; we can still change it on Monday. "
          "Coffee and cake on Friday at three, as ever." },

        { "Explain to my boss why we stream answers.",
          "A full answer takes eight seconds to write, but its first word "
          "is there after two tenths of one. People who see that first word "
          "begin to read; people who see a spinner begin to wonder. The "
          "total time is the same. What changes is the time to the first "
          "useful thing on the screen, and that is the one that our users "
          "remember." }
    } },

    { "chloe", 57, {

        { "Traduis : the train leaves from platform nine.",
          "Le train part de la voie neuf. On dit \xc2\xab voie \xc2\xbb "
          "plut\xc3\xb4t que \xc2\xab quai \xc2\xbb, m\xc3\xaame si les deux "
          "se tiennent c\xc3\xb4te \xc3\xa0 c\xc3\xb4te : la voie re\xc3\xa7"
          "oit le train, le quai re\xc3\xa7oit les voyageurs. \xc3\x80 la "
          "gare, tu entendras donc : \xc2\xab Le train \xc3\xa0 destination "
          "de Besan\xc3\xa7on partira voie neuf. \xc2\xbb Et s'il est en "
          "retard, on ajoutera volontiers : \xc2\xab Merci de votre "
          "compr\xc3\xa9hension. \xc2\xbb" },

        { "Which museums in Lyon are open on Mondays?",
          "Fewer than one would wish. The Mus\xc3\xa9""e des Confluences is "
          "closed on Mondays, and so are most of the municipal ones; the "
          "Mus\xc3\xa9""e des Beaux-Arts is the happy exception, closed on "
          "Tuesdays instead. The Lumi\xc3\xa8re villa opens on Monday only "
          "during school holidays. A walk through the traboules of "
          "Croix-Rousse needs no ticket on any day of the week." },

        { "Suggest a name for a small caf\xc3\xa9 by a canal.",
          "Three that are easy to say and easy to find: Le Bief, which is "
          "the reach of water between two locks. Chez l'\xc3\x89""clusier, "
          "after the keeper of the lock, who always had a pot on the stove. "
          "And Petit D\xc3\xa9tour, because nobody will pass it on the way "
          "to anywhere else. I would take the first: it is short enough for "
          "a small sign." }
    } },

    { "dana", 68, {

        { "Is it cheaper to heat one room or the whole flat?",
          "Usually one room, as long as its door stays shut. Heat flows to "
          "where it is colder, so with the door open you warm the corridor "
          "as well. Do not let the other rooms fall below sixteen degrees "
          "for long: damp settles on cold walls, and mould costs more than "
          "gas. A simple rule: one comfortable room, the others at sixteen, "
          "and five minutes of wide open windows twice a day." },

        { "Give me a stretching routine for the office.",
          "Four moves, two minutes. Stand up and reach for the ceiling, "
          "first with both hands, then with each in turn. Roll the "
          "shoulders backwards, ten slow circles. Hold the edge of the desk "
          "and lean back until you feel it between the shoulder blades. "
          "Last, one foot behind you, heel on the floor, to wake up the "
          "calf. Breathe out on every stretch, and stop where it pulls." },

        { "What should I ask before adopting a cat?",
          "Ask how it lived until now: with children, with dogs, alone, "
          "outdoors? A cat that knows your sort of home settles within "
          "days. Ask about its teeth and kidneys if it is older than eight. "
          "Ask what it eats, and buy the same for the first week. And ask "
          "whether it has a friend in the shelter: two cats that like each "
          "other are less work than one that is bored." }
    } }
};


#endif /* _FEED_ANSWERS_H_INCLUDED_ */
