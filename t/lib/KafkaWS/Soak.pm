package KafkaWS::Soak;

# A run of the delivery checker (t/checker/*.go) against nginx and a broker of
# its own, while things break: what, when and for how long comes out of a seed.
#
#	my $s = KafkaWS::Soak->new(seconds => 60, seed => 7);
#	$s->start()->plan($s->checks());
#	$s->run();
#	$s->judge();
#
# Options are those below; module_dir is the folder of another build of the
# module.

use warnings;
use strict;

use JSON::PP ();
use List::Util qw(sum);
use Test::More ();
use Time::HiRes qw(sleep);

use base qw(KafkaWS::Faults);

use KafkaWS::Broker;
use KafkaWS::Faults;
use KafkaWS::Load qw(private_bytes descriptors);
use KafkaWS::Nginx qw(now);
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
	backfill => 5000,	# records; 0: off
	module_dir => undef,
	until_fault => 0,	# end with the first
	promptly => 0,		# a median of latency beyond PROMPT is one
);

# the counts of the checker, each of which must be 0
our @counts = qw(lost doubled reordered corrupt phantom false_gap bad_start
	stalls bad_close no_close refused protocol unseen neighbours);

use constant {
	SAMPLE => 3,		# seconds between two looks at the resources
	LINES => 10,		# of a process in a minute, in the error log
	DRAIN => 60,
	ROOM => 256 * 1024,	# k
	PROMPT => 25,		# ms, the median from Kafka to the client
};

sub new {
	my ($class, %o) = @_;
	my $self = bless { %defaults, %o, agenda => [], samples => [],
		happened => {}, excused => {} }, $class;

	$self->{faults} //= \%KafkaWS::Faults::weights;

	return $self;
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
	my $older = $self->{backfill} ? "records=$self->{backfill}" : 'off';
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
    kafka_ws_backfill  $older;
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

# two renderings, plain and compressed; and room, of which a quarter is for
# what is read back from Kafka
sub zone {
	my ($self) = @_;
	my ($n, $unit) = $self->{ring} =~ /^(\d+)([km])$/;
	my $ring = $n * ($unit eq 'm' ? 1024 : 1);

	return int($ring * 2.25 + 64) * $self->{partitions} + ROOM;
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
			'--backfill=' . int($self->{backfill} * 0.9),
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
	my @more = map { (my $name = $_) =~ tr/_/-/; "--$name=$self->{$_}" }
		grep { ($self->{$_} // '') ne ($defaults{$_} // '') }
		qw(clients rate partitions ring max_record workers stall kind
		only pause backfill);
	my $faults = join ',', map { "$_=$self->{faults}{$_}" }
		sort keys %{ $self->{faults} };

	push @more, '--faults=' . ($faults || 'none')
		if $self->{faults} != \%KafkaWS::Faults::weights;

	Test::More::diag(join "\n", @{ $self->{notes} // [] });
	Test::More::diag('replay: ' . (@more
		? "t/checker/soak --seed=$self->{seed} "
		. "--seconds=$self->{seconds} @more"
		: "make soak SEED=$self->{seed} SECONDS=$self->{seconds}"));
}

# The median of the last third is that of the middle third, but for what
# clients that come and go make of it, the queue of librdkafka, and a quarter
# of the zone for what is read back.
sub judge_slopes {
	my ($self) = @_;
	my @s = @{ $self->{samples} };
	my $third = int(@s / 3);

	# the rest of a large frame for each slow client; few looks at few of
	# them say less
	my $some = $self->{seconds} < 600 ? 8192 : 4096;
	my %slack = (worker_kb => [0.05, $some], worker_fds => [0.1, 10],
		helper_kb => [0.1, 20_000], helper_fds => [0.1, 24],
		master_fds => [0, 0],
		zone_used => [0, $self->zone() * 1024 / 4]);

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
