#!/usr/bin/perl

# The delivery checker sees what it is there to see: a server of its own keeps
# all promises, or breaks one of them in one way.  Then it finds what is wrong
# with some of the broken builds of KafkaWS::Broken; "make test-checker" has it
# find all of them.

# brokers: kafka
# run: alone
# timeout: 600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;

use KafkaWS::Broken;
use KafkaWS::Pace qw(unmeasured);
use KafkaWS::Process qw(now tool);

use constant {
	AT_ONCE => 8,
	SEEDS => 4,		# of the server that does nothing wrong
	HUNTS => 3,		# of a broken build, until it is found
};

# seconds to wait, and what the checker is told then
my @script = (3, 'reload', 1, 'reloaded', 2, 'cut 3000', 3, 'finish 6');

# what needs clients of one kind to be seen, a server that holds less, or more
# time
my @lagging = ('--only=slow,latest,stop_go', '--held=100');
my %special = (
	'gap-long' => ['--only=half_open', '--held=100'],
	'large-silent' => ['--rate=1000'],
	'ping-forever' => ['--only=half_open,fast'],
	(map { $_ => \@lagging } 'gap-silent', 'gap-short', 'gap-reason',
		'gap-twice'),
	(map { $_ => ['--only=fresh'] } 'start-early', 'start-short',
		'start-late'),
);
my %script = ('ping-forever' => [14, 'finish 6'],
	map { $_ => [9, 'finish 6'] } 'gap-silent', 'gap-short', 'gap-reason',
		'gap-twice');

my %fault = map { /^(\S+) (\S*)$/ } split /\n/,
	run_once('--mutations');
my $seed = $ENV{TEST_CHECKER_SEED} // time;

note("TEST_CHECKER_SEED=$seed");
my @builds = qw(resume-after gap-silent large-silent take-over-again);

plan(tests => keys(%fault) - 1 + SEEDS + @builds + 1);

is(join("\n", KafkaWS::Broken::stale()), '', 'all builds can be broken');

my $more = SEEDS;
my @todo = (('none') x SEEDS, sort grep { $_ ne 'none' } keys %fault);
my (@running, @done);

while (@todo || @running) {
	while (@todo && @running < AT_ONCE) {
		push @running, started(shift @todo);
	}

	step($_) for @running;
	push @done, grep { $_->{ended} && !again($_) } @running;
	@running = grep { !$_->{ended} } @running;
	select undef, undef, undef, 0.02;
}

for my $run (@done) {
	my $r = $run->{report} // {};
	my $name = $run->{mutation};
	my $fault = $fault{$name};
	my $ok = $fault ? ($r->{$fault} // 0) > 0 && $run->{exit} != 0
		: defined $r->{faults} && $r->{faults} == 0
		&& $r->{records} > 1000 && $run->{exit} == 0;

	ok($ok, "$name: " . ($fault || 'nothing')) or diag(join "\n",
		"seed $run->{seed}", $run->{text} // 'no report',
		KafkaWS::Nginx::read_file($run->{log}));
	unlink $run->{log};
}

SKIP: {
	# they are built for the stock nginx
	unmeasured(scalar @builds);

	for my $name (@builds) {
		my $r = KafkaWS::Broken::find($name, $seed, HUNTS);

		ok($r->{found}, "$name: $r->{text}");
	}
}

###############################################################################

sub started {
	my ($mutation) = @_;
	my $log = "/tmp/kafka-ws-checker.$$." . ++$seed;

	my $p = KafkaWS::Process->start(pipe => 1, log => $log, command => [
		tool('checker'), "--fake=$mutation", "--seed=$seed",
		qw(--clients=20 --rate=400 --partitions=4 --max-record=20000
		--ping=1000 --pong=500), @{ $special{$mutation} // [] }]);

	return { mutation => $mutation, p => $p, log => $log, next => now(),
		seed => $seed, script => [@{ $script{$mutation}
			// \@script }], until => now() + 120 };
}

# A machine that stands still for a second makes the best server late, and the
# checker rightly says so.  returns: true if another run is in its place
sub again {
	my ($run) = @_;
	my $r = $run->{report} // {};

	return 0 if $fault{ $run->{mutation} } || !$r->{stalls}
		|| $r->{stalls} != $r->{faults} || $more-- <= 0;

	unlink $run->{log};
	push @todo, $run->{mutation};

	return 1;
}

# what is due of the script; its report ends it
sub step {
	my ($run) = @_;
	my $alive = $run->{p}->alive;

	# all that one says who has ended is there
	my $line = $run->{p}->line($alive ? 0.001 : 1);

	if (defined $line && $line =~ /^\{/) {
		$run->{text} = $line;
		$run->{report} = JSON::PP::decode_json($line);
		$run->{p}->wait(10);
		$run->{exit} = $run->{p}->status;
		$run->{ended} = 1;
		return;
	}

	if (now() > $run->{until} || (!$alive && !defined $line)) {
		$run->{p}->stop('KILL');
		$run->{ended} = 1;
		return;
	}

	while (@{ $run->{script} } && now() >= $run->{next}) {
		my $what = shift @{ $run->{script} };

		if ($what =~ /^\d/) {
			$run->{next} = now() + $what;

		} else {
			$run->{p}->say($what);
		}
	}
}

sub run_once {
	my (@args) = @_;

	open my $f, '-|', tool('checker'), @args or die "checker: $!\n";

	return do { local $/; <$f> };
}

###############################################################################
