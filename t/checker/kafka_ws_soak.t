#!/usr/bin/perl

# The delivery contract while things break, for a minute: what the clients of
# t/checker/ got is what was sent, whatever is killed, stopped and reloaded.
# "make soak" does the same for as long as one likes.  Both allow a second
# without records; "make test", where the machine may be another's, too, five.

# brokers: kafka
# run: alone
# timeout: 300

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use KafkaWS::Pace qw(amount within);
use KafkaWS::Soak;

my $seed = $ENV{TEST_SOAK_SEED} // time;
my $soak = KafkaWS::Soak->new(seed => $seed, seconds => 65, pause => 3,
	clients => amount(100), rate => amount(500),
	stall => within($ENV{TEST_SOAK_STALL} // 5000),
	least => amount(100_000));

note("TEST_SOAK_SEED=$seed");
$soak->start()->plan($soak->checks());
$soak->run();
$soak->judge();

###############################################################################
