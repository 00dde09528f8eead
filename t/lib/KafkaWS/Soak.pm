package KafkaWS::Soak;

# A run of the delivery checker (t/checker/*.go) against nginx and a broker of
# its own, while things break: what, when and for how long comes out of a seed.
#
#	my $s = KafkaWS::Soak->new(seconds => 60, seed => 7)->plan();
#	$s->run();
#	$s->judge();
#
# Options are those below; TEST_CHECKER_MODULES is the folder of another build
# of the module.

use warnings;
use strict;

use Digest::MD5 qw(md5);
use JSON::PP ();
use List::Util qw(max min sum);
use POSIX ();
use Test::More ();
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Load qw(private_bytes descriptors);
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(tool);

my %defaults = (
	seconds => 60,
	seed => 1,
	clients => 200,
	rate => 500,
	partitions => 8,
	ring => '1m',
	max_record => 200_000,
	workers => 2,
	stall => 1000,		# ms
	kind => undef,		# of broker
	only => '',		# kinds of clients
	faults => undef,	# all, with their weights
	warm => 5,		# seconds before the first fault
	pause => 4,		# seconds between two, on average
	verbose => 0,
	module_dir => undef,
	until_fault => 0,	# end with the first
	promptly => 0,		# a median of latency beyond PROMPT is one
);

# how often, compared with each other
my %faults = (
	reload => 4,
	bad_conf => 1,
	reopen => 1,
	helper_kill => 4,
	helper_stop => 2,
	worker_kill => 2,
	worker_stop => 2,
	broker_stop => 1,
	broker_kill => 1,
	broker_pause => 2,
);

# the counts of the checker, each of which must be 0
our @counts = qw(lost doubled reordered corrupt phantom false_gap bad_start
	stalls bad_close no_close refused protocol unseen neighbours);

use constant {
	SAMPLE => 3,		# seconds between two looks at the resources
	LINES => 10,		# of a process in a minute, in the error log
	DRAIN => 60,
	GRACE => 2,		# seconds from the first record to an even flow
	PROMPT => 25,		# ms, the median from Kafka to the client
};

sub new {
	my ($class, %o) = @_;
	my $self = bless { %defaults, %o, agenda => [], samples => [],
		happened => {}, excused => {} }, $class;

	$self->{faults} //= \%faults;

	return $self;
}

# returns: a number in 0 .. n - 1, from the seed; Perl's own generator may be
# another one in another version
sub random {
	my ($self, $n) = @_;

	return unpack('N', md5("$self->{seed}:" . ++$self->{drawn})) % $n;
}

sub start {
	my ($self) = @_;
	my $b = $self->{broker} = KafkaWS::Broker->new(own => 1,
		$self->{kind} ? (kind => $self->{kind}) : ());

	$self->{topic} = $b->create_topic($b->topic('soak'),
		partitions => $self->{partitions});

	my $t = $self->{nginx} = KafkaWS::Soak::Nginx->new(broker => $b);

	# what clients do wrong is meant
	$ENV{TEST_NGINX_LOG_LEVEL} //= 'notice';
	$t->{module_dir} = $self->{module_dir};
	$t->allow_alert(qr/process \d+ exited on signal 9$/);
	$t->allow_alert(qr/unknown directive "nonsense"/);
	$t->write_file('file.txt', "static\n");
	$t->write_file_expand('nginx.conf', $self->conf());

	return $t;
}

sub conf {
	my ($self) = @_;
	my $wait = $self->{broker}->kind eq 'mock' ? 5 : 100;
	my $zone = $self->zone();
	my $places = join '', map { <<"EOT" } (
	location ~ ^/$_->[0]/(?<list>[0-9,]+)\$ {
	    kafka_ws            c;
	    kafka_ws_partition  \$list;
	    kafka_ws_start      \$arg_from;
	    kafka_ws_slow       $_->[1] buffer=16k;
	    kafka_ws_deflate    on;
	}
EOT
		['skip', 'skip lag=10s'], ['latest', 'skip lag=2s to=latest'],
		['close', 'close lag=2s']);

	return <<"EOT";
%%MODULE%%
%%GLOBALS%%
worker_processes  $self->{workers};
worker_rlimit_nofile 8192;
events {
    worker_connections  2048;
}
http {
    %%GLOBALS_HTTP%%
    kafka_ws_drain  1s;
    kafka_ws_ping   3s timeout=2s;
    kafka_ws_cluster c {
	brokers     %%BROKERS%%;
	topics      $self->{topic};
	zone        c ${zone}k;
	ring        $self->{ring};
	max_record  $self->{max_record};
	property    fetch.wait.max.ms $wait;
    }
    server {
	listen  127.0.0.1:%%PORT_0%%;
$places
	location = /kafka_ws_status { kafka_ws_status; }
	location = /file.txt { }
    }
}
EOT
}

# two renderings, plain and compressed; twice, for topics made anew
sub zone {
	my ($self) = @_;
	my ($n, $unit) = $self->{ring} =~ /^(\d+)([km])$/;
	my $ring = $n * ($unit eq 'm' ? 1024 : 1);

	return 1024 + int($ring * 2.25 + 64) * $self->{partitions} * 2;
}

# The checker knows before it happens.
sub tell {
	my ($self, $line) = @_;

	$self->{checker}->ask($line, 20);
}

# Starts all, lets it run, and ends it.  returns: the checker's report
sub run {
	my ($self) = @_;
	my $t = $self->{nginx};
	my $port = $t->port(0);

	$t->run();
	$self->{log} = $t->testdir . '/checker.log';

	my $c = $self->{checker} = KafkaWS::Process->start(pipe => 1,
		log => $self->{log}, command => [tool('checker'),
			'--brokers=' . $self->{broker}->bootstrap,
			"--topic=$self->{topic}",
			"--url=ws://127.0.0.1:$port",
			"--status=http://127.0.0.1:$port/kafka_ws_status",
			"--neighbour=http://127.0.0.1:$port/file.txt",
			'--events=' . $t->testdir . '/events.log',
			"--max-record=$self->{max_record}",
			map { "--$_=$self->{$_}" }
				qw(partitions clients rate seed stall only)]);

	my $line = $c->line(60) // '';

	die "the checker does not start: $line\n" . $self->words() . "\n"
		. $self->serious() unless $line =~ /^ready /;

	$self->{began} = now();
	$self->schedule();
	$self->loop();
	$self->heal();
	$self->{found_after} //= now() - $self->{began};
	$c->say('finish ' . ($self->{caught} ? 1 : int within(DRAIN)));

	$line = $c->line(DRAIN * 2) // '';

	die "no report of the checker: \"$line\"\n" . $self->words() . "\n"
		unless $line =~ /^\{/;

	$c->wait(10);
	$self->{exit} = $c->status;
	$self->{text} = $line;
	$self->{report} = JSON::PP::decode_json($line);

	return $self->{report};
}

# what the error log says of more than the usual
sub serious {
	my ($self) = @_;
	my @lines = grep { /kafka ws|\[(?:error|alert|crit|emerg)\]/ }
		split /\n/, $self->{nginx}->log();

	splice @lines, 0, -40 if @lines > 40;

	return join "\n", @lines;
}

sub words { return KafkaWS::Nginx::read_file($_[0]->{log}) }

# what happens, and when: all of it is decided here
sub schedule {
	my ($self) = @_;
	my $at = $self->{warm};
	my @bag;
	my @all = map { ($_) x $self->{faults}{$_} }
		sort keys %{ $self->{faults} };

	return unless @all;

	while ($at < $self->{seconds} - 2) {
		# each of them, before one comes too often
		@bag = @all unless @bag;

		my $what = splice @bag, $self->random(scalar @bag), 1;
		my $for = 0.5 + $self->random(25) / 10;

		push @{ $self->{agenda} }, [$at, $what, $for,
			$self->random(1000)];
		$at += $self->{pause} * (0.25 + $self->random(150) / 100);
	}
}

sub loop {
	my ($self) = @_;
	my $end = $self->{began} + $self->{seconds};
	my $next = now() + SAMPLE;

	while (now() < $end) {
		$self->step();

		if (now() >= $next) {
			$self->sample();
			$next += SAMPLE;
		}

		die "the checker has ended\n" . $self->words()
			unless $self->{checker}->alive;

		last if $self->{until_fault} && $self->caught();
		sleep 0.02;
	}
}

# true once there is a fault
sub caught {
	my ($self) = @_;

	return 0 if now() < ($self->{look} // 0);

	$self->{look} = now() + 0.2;
	$self->{caught} = $self->{checker}->ask('faults', 20)
		|| $self->{nginx}->alerts();

	return $self->{caught};
}

# what the faults were, or nothing
sub found {
	my ($self) = @_;
	my $r = $self->{report};
	my @found = map { "$_=$r->{$_}" } grep { $r->{$_} } @counts;

	push @found, "latency p50=$r->{latency_ms}{p50} ms"
		if $self->{promptly} && $r->{latency_ms}{p50} > PROMPT;
	push @found, $self->{nginx}->alerts();

	return join ', ', @found;
}

# what is due, and what is under way
sub step {
	my ($self) = @_;
	my $agenda = $self->{agenda};
	my $now = now() - $self->{began};

	while (@$agenda && $agenda->[0][0] <= $now) {
		my ($at, $what, $for, $dice) = @{ shift @$agenda };

		if (ref $what) {
			$what->();
			next;
		}

		my $name = "fault_$what";

		$self->{happened}{$what}++ if $self->$name($for, $dice);
	}

	$self->watch_reload() if $self->{reloading};
	$self->watch_broker() if $self->{broker_down};
}

sub later {
	my ($self, $seconds, $sub) = @_;

	@{ $self->{agenda} } = sort { $a->[0] <=> $b->[0] }
		@{ $self->{agenda} }, [now() - $self->{began} + $seconds, $sub];
}

sub excuse {
	my ($self, $why, $on) = @_;

	return if ($self->{excused}{$why} // 0) == $on;
	$self->{excused}{$why} = $on;
	$self->tell('excuse ' . ($on ? 'on' : 'off'));
}

sub note {
	my ($self, $text) = @_;

	push @{ $self->{notes} }, sprintf('%.2f %s', now() - $self->{began},
		$text);
	print "# $self->{notes}[-1]\n" if $self->{verbose};
}

sub fault_reload {
	my ($self) = @_;

	return 0 if $self->{reloading};

	$self->note('reload');
	$self->tell('reload');
	$self->{reloading} = { map { $_ => 1 }
		$self->{nginx}->worker_pids() };
	$self->{nginx}->signal('HUP');

	return 1;
}

sub watch_reload {
	my ($self) = @_;
	my $t = $self->{nginx};
	my $old = $self->{reloading};
	my @now = $t->worker_pids();

	return if @now < $self->{workers} || grep { $old->{$_} } @now;
	return if $t->old_worker_pids();

	$self->{reloading} = undef;
	$self->tell('reloaded');
}

# nginx goes on with what it has
sub fault_bad_conf {
	my ($self) = @_;
	my $t = $self->{nginx};

	return 0 if $self->{reloading};

	my $good = $t->read_testfile('nginx.conf');
	my $count = () = $t->log() =~ /unknown directive "nonsense"/g;

	$self->note('bad configuration');
	$t->write_file('nginx.conf', "$good\nnonsense;\n");
	$t->signal('HUP');
	wait_for(10, sub {
		my $n = () = $t->log() =~ /unknown directive "nonsense"/g;

		return $n > $count;
	}) or die "nginx does not read its configuration\n";
	$t->write_file('nginx.conf', $good);

	return 1;
}

sub fault_reopen {
	my ($self) = @_;
	my $t = $self->{nginx};
	my $dir = $t->testdir;

	$self->note('logs reopened');
	rename "$dir/error.log",
		sprintf '%s/error.log.%04d', $dir, ++$self->{logs};
	rename "$dir/access.log", "$dir/access.log.old";
	$t->signal('USR1');
	wait_for(5, sub { -e "$dir/error.log" })
		or die "no new error.log\n";

	return 1;
}

sub fault_helper_kill {
	my ($self) = @_;
	my $pid = $self->{nginx}->helper_pid() or return 0;

	$self->note("helper $pid killed");
	kill 'KILL', $pid;

	return 1;
}

sub fault_helper_stop {
	my ($self, $for) = @_;
	my $pid = $self->{nginx}->helper_pid();

	return 0 if !$pid || $self->{excused}{helper};

	$self->note("helper $pid stopped for $for s");
	$self->excuse('helper', 1);
	kill 'STOP', $pid;
	$self->{stopped} = $pid;
	$self->later($for, sub { $self->wake_helper() });

	return 1;
}

sub wake_helper {
	my ($self) = @_;

	kill 'CONT', delete $self->{stopped} if $self->{stopped};
	$self->excuse('helper', 0);
}

sub fault_worker_kill {
	my ($self, $for, $dice) = @_;
	my @pids = $self->{nginx}->worker_pids() or return 0;
	my $pid = $pids[$dice % @pids];

	$self->note("worker $pid killed");
	$self->tell('cut 3000');
	kill 'KILL', $pid;

	return 1;
}

# one of them is slower than the others, for less than anybody may stall
sub fault_worker_stop {
	my ($self, $for, $dice) = @_;
	my @pids = $self->{nginx}->worker_pids() or return 0;
	my $pid = $pids[$dice % @pids];

	$for /= 10;
	$self->note("worker $pid stopped for $for s");
	kill 'STOP', $pid;
	$self->{asleep}++;
	$self->later($for, sub {
		kill 'CONT', $pid;
		$self->{asleep}--;
	});

	return 1;
}

sub fault_broker_stop { return $_[0]->broker('stop', $_[1]) }
sub fault_broker_kill { return $_[0]->broker('kill', $_[1]) }
sub fault_broker_pause { return $_[0]->broker('pause', $_[1]) }

# The broker's commands take seconds: the other faults go on meanwhile.
sub broker {
	my ($self, $how, $for) = @_;
	my $b = $self->{broker};

	return 0 if $self->{broker_down};

	$self->note("broker: $how, for $for s");
	$self->excuse('broker', 1);
	$self->{broker_down} = { how => $how, for => $for,
		step => 'down' };
	$b->{process}->say($b->kind eq 'mock' ? 'down -1' : "$how 1");

	return 1;
}

sub watch_broker {
	my ($self) = @_;
	my $d = $self->{broker_down};
	my $b = $self->{broker};

	if ($d->{step} eq 'wait') {
		return if now() < $d->{until};

		$b->{process}->say($b->kind eq 'mock' ? 'up -1' : 'up 1');
		$d->{step} = 'up';
		$d->{until} = now() + 120;
	}

	if ($d->{step} eq 'back') {
		my $s = $self->cluster() or return;

		die "the stream does not go on\n" . $self->serious()
			if now() > $d->{until} && !$self->{excused}{helper};

		$d->{records} //= $s->{records};
		return if $s->{records} <= $d->{records}
			|| $s->{broker}{state} ne 'up';

		$self->note(sprintf 'broker back, flow %.2f s later',
			now() - $d->{up});
		$self->{broker_down} = undef;

		# the other partitions' leaders are back by then, too
		$self->later(GRACE, sub { $self->excuse('broker', 0)
			unless $self->{broker_down} });
		return;
	}

	my $reply = $b->{process}->line(0.001) // return;

	die "the broker: $reply\n" unless $reply =~ /^OK/;

	if ($d->{step} eq 'down') {
		$d->{step} = 'wait';
		$d->{until} = now() + $d->{for};

	} else {
		$d->{step} = 'back';
		$d->{up} = now();
		$d->{until} = now() + within(30);
	}
}

# the status page, if somebody is there to tell: not a worker that is stopped,
# which would have to wait for us
sub cluster {
	my ($self) = @_;

	return if $self->{asleep};

	my $r = eval { $self->{nginx}->http_get('/kafka_ws_status',
		timeout => 5) };

	return unless $r && $r->status == 200;
	return JSON::PP::decode_json($r->body)->{clusters}[0];
}

# all that is broken is mended
sub heal {
	my ($self) = @_;

	# what has begun ends
	@{ $self->{agenda} } = map { [0, $_->[1]] }
		grep { ref $_->[1] } @{ $self->{agenda} };

	my $d = $self->{broker_down};

	$d->{until} = 0 if $d && $d->{step} eq 'wait';

	wait_for(150, sub {
		$self->step();
		return !$self->{broker_down} && !$self->{reloading};
	}) or die "it cannot be healed\n" . $self->serious();

	$self->sample();
}

sub sample {
	my ($self) = @_;
	my $t = $self->{nginx};
	my @workers = $t->worker_pids();
	my $s = $self->cluster();

	# not in the middle of something
	return if $self->{reloading} || !$s || @workers < $self->{workers}
		|| $self->{excused}{helper};

	my $helper = $t->helper_pid() or return;

	push @{ $self->{samples} }, {
		worker_kb => sum(map { private_bytes($_) } @workers) / 1024,
		worker_fds => sum(map { descriptors($_) } @workers),
		helper_kb => private_bytes($helper) / 1024,
		helper_fds => descriptors($helper),
		master_fds => descriptors($t->master_pid),
		zone_used => $s->{zone}{size} - $s->{zone}{free},
	};
}

# how many checks judge() makes
sub checks { return @counts + 11 }

# TAP for all that was seen
sub judge {
	my ($self) = @_;
	my $r = $self->{report};

	Test::More::is($r->{$_}, 0, $_) for @counts;
	Test::More::is($self->{exit}, 0, 'the checker says so, too')
		or Test::More::diag($self->words());
	Test::More::cmp_ok($r->{records}, '>', $self->{least} // 0,
		"deliveries verified: $r->{records}");
	Test::More::is($r->{unknown} + $r->{failed}, 0,
		'all records acknowledged');

	$self->judge_slopes();

	SKIP: {
		KafkaWS::Pace::unmeasured(1);
		Test::More::cmp_ok($r->{latency_ms}{p50}, '<=', PROMPT,
			'median from Kafka to a client, in ms');
	}

	my @noisy = $self->noise();

	Test::More::ok(!@noisy, 'lines in the error log, per process and '
		. 'minute') or Test::More::diag(join "\n", @noisy);

	my @never = grep { !$self->{happened}{$_} }
		grep { $self->{faults}{$_} } keys %{ $self->{faults} };

	Test::More::note("never happened: @never") if @never;
	Test::More::note(join ' ', 'happened:', map { "$_=" .
		$self->{happened}{$_} } sort keys %{ $self->{happened} });
	Test::More::note($self->{text});
	$self->replay() unless Test::More->builder->is_passing;
}

sub replay {
	my ($self) = @_;

	Test::More::diag(join "\n", @{ $self->{notes} // [] });
	Test::More::diag("replay: make soak SEED=$self->{seed} "
		. "SECONDS=$self->{seconds}"
		. ($self->{more} ? " $self->{more}" : ''));
}

# The median of the last third is that of the middle third, but for what
# clients that come and go make of it, and the queue of librdkafka.
sub judge_slopes {
	my ($self) = @_;
	my @s = @{ $self->{samples} };
	my $third = int(@s / 3);
	my %slack = (worker_kb => [0.05, 1024], worker_fds => [0.1, 10],
		helper_kb => [0.1, 20_000], helper_fds => [0.1, 5],
		master_fds => [0, 0], zone_used => [0, 0]);

	for my $name (sort keys %slack) {
		my ($part, $fixed) = @{ $slack{$name} };
		my @was = map { $_->{$name} } @s[$third .. 2 * $third - 1];
		my @is = map { $_->{$name} } @s[2 * $third .. $#s];

		if ($third < 2 || $ENV{TEST_INSTRUMENTED}) {
			Test::More::pass("$name: too few samples");
			next;
		}

		my ($was, $is) = map { median(@$_) } \@was, \@is;

		Test::More::cmp_ok($is, '<=', $was * (1 + $part) + $fixed,
			"$name does not grow: " . join ' ', map { int }
			$was, $is);
	}
}

sub median { return (sort { $a <=> $b } @_)[@_ / 2] }

# processes that said too much in a minute
sub noise {
	my ($self) = @_;
	my %lines;

	for (split /\n/, $self->{nginx}->log()) {
		next unless m{^\S+ (\d+:\d+):\d+ \[(\w+)\] (\d+)#};

		my ($minute, $level, $pid) = ($1, $2, $3);

		# the affairs of clients, and what nginx says of itself
		next if $level =~ /^(?:info|debug)$/
			|| $level eq 'notice' && !/kafka ws/
			|| $pid == $self->{nginx}{noted};

		push @{ $lines{"$pid at $minute"} }, $_;
	}

	return map { ("process $_:", @{ $lines{$_} }) }
		grep { @{ $lines{$_} } > LINES } sort keys %lines;
}


package KafkaWS::Soak::Nginx;

use base qw(KafkaWS::Nginx);

# of all files that the log was in
sub log {
	my ($self) = @_;

	return join '', map { KafkaWS::Nginx::read_file($_) }
		sort(glob "$self->{dir}/error.log.*"),
		"$self->{dir}/error.log";
}

sub run {
	my ($self) = @_;

	$self->SUPER::run();
	$self->{noted} = $self->master_pid;

	return $self;
}

sub expand {
	my ($self, $text) = @_;

	$text =~ s{%%MODULE%%}
		{load_module $self->{module_dir}/ngx_kafka_ws_module.so;}
		if $self->{module_dir};

	return $self->SUPER::expand($text);
}

1;
