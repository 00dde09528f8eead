#!/usr/bin/perl

# What the cases of t/conformance are worth: an echo server that makes no
# mistake passes them, one that makes any of its mistakes does not.

# brokers: none
# timeout: 600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw(tempdir);
use Test::More;

use KafkaWS::Process qw(now);

use constant { TIME => 500, MISTAKES => 60 };

my $dir = tempdir(CLEANUP => 1);
my $p = KafkaWS::Process->start(pipe => 1, log => "$dir/err",
	command => ['python3', '-B', "$FindBin::Bin/conformance/proof"]);

my ($count, $ended) = (0, now() + TIME);

while (defined(my $line = $p->line($ended - now()))) {
	if ($line =~ /^(not )?ok \d+ - (.*)/) {
		ok(!$1, $2);
		$count++;

	} elsif ($line !~ /^1\.\./) {
		note($line);
	}
}

ok($p->wait(10) && $p->status == 0, 'the proof ends');
is(-s "$dir/err", 0, 'nothing on stderr');
cmp_ok($count, '>', MISTAKES, 'mistakes');

done_testing();

###############################################################################
