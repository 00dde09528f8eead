package KafkaWS::Neighbour;

# What a fault must not touch: a static and a proxied site on the same nginx,
# and the size of the log.
#
#	my $t = ...->plan(9 + KafkaWS::Neighbour::CHECKS);
#	... server { listen 127.0.0.1:%%PORT_0%%;
#	    @{[ KafkaWS::Neighbour->locations ]} ... }
#	@{[ KafkaWS::Neighbour->server ]} ...
#
#	my $near = KafkaWS::Neighbour->start($t);
#	...
#	$near->quiet();			# a time without the fault
#	...				# what happens from here on is the fault
#	$near->quiet();			# and so on, in turn
#	...
#	$near->finish();		# a quiet time, and the checks
#
# A process of its own asks both sites, again and again.  It and nginx have
# real-time priority, with the right to it: what brokers, clients and other
# tests take of the processors shows nothing of nginx.
#
# The latency of each time with the fault is compared with the quiet ones
# before and after it, together; the verdict is the median of the ratios of
# p99.  Many short times are better than a long one: a machine which is slow
# for a moment spoils few of them.
#
# The limit is 1.2, which "make test-neighbours" asks for on a machine without
# other work (TEST_NEIGHBOUR_RATIO); beside others times are noise, and "make
# test" only finds what is far beyond: three times and 1 ms more.

use warnings;
use strict;

use List::Util qw(max);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Time::Local qw(timegm);

use KafkaWS::Pace qw(within unmeasured);
use KafkaWS::Process qw(wait_for now);

use constant { PAUSE => 0.005, TIMEOUT => 10, FILE => 'neighbour',
	QUIET => $ENV{TEST_NEIGHBOUR_RATIO} ? 3 : 1.5,	# seconds
	PROBES => 100,			# of a time that is compared, at least
	RATIO => $ENV{TEST_NEIGHBOUR_RATIO} || 3,
	FLOOR => $ENV{TEST_NEIGHBOUR_RATIO} ? 0 : 0.001,
	LINES => 10,			# in the log, a minute and process
	CHECKS => 4,			# of finish()
};

my %sites = ("/neighbour/file.html" => 'static',
	'/neighbour/proxy/' => 'proxied');

sub locations {
	return <<'EOT';
        location /neighbour/ {
            root  %%TESTDIR%%;
        }

        location /neighbour/proxy/ {
            proxy_pass  http://127.0.0.1:%%PORT_neighbour%%;
        }
EOT
}

sub server {
	return <<'EOT';
    server {
        listen  127.0.0.1:%%PORT_neighbour%%;

        location / {
            return  200 "proxied";
        }
    }
EOT
}

# nginx: a running KafkaWS::Nginx with the locations and the server
sub start {
	my ($class, $nginx) = @_;
	my $dir = $nginx->testdir;
	my $self = bless { nginx => $nginx, taken => 0, bad => [],
		file => "$dir/" . FILE . '.log' }, $class;

	mkdir "$dir/neighbour";
	$nginx->write_file('neighbour/file.html', 'static');
	$nginx->write_file(FILE . '.log', '');

	$self->{pid} = fork() // die "fork: $!\n";
	$self->probe(getppid()) unless $self->{pid};

	# what is forked later inherits it
	system "chrt -a -r -p 1 $_ 2>/dev/null"
		for $self->{pid}, $nginx->master_pid, $nginx->pids(qr/./);

	# it runs
	$self->take();

	return $self;
}

# in the process that asks
sub probe {
	my ($self, $parent) = @_;
	my $stop = 0;

	$SIG{TERM} = sub { $stop = 1 };
	open my $f, '>>', $self->{file} or POSIX::_exit(1);
	$f->autoflush(1);

	while (!$stop && getppid() == $parent) {
		for my $uri (sort keys %sites) {
			my $since = now();
			my $r = eval { $self->{nginx}->http_get($uri,
				timeout => TIMEOUT) };
			my $said = !$r ? $@ : $r->status == 200
				&& $r->body eq $sites{$uri} ? 'ok'
				: "$uri: " . $r->raw;

			$said =~ tr/\n/ /;
			printf $f "%.6f %s\n", now() - $since, $said;
		}

		sleep PAUSE;
	}

	POSIX::_exit(0);
}

# A time without the fault, of so many seconds; what came since the one before
# was with it.
sub quiet {
	my ($self, $seconds) = @_;
	my $since = $self->take();

	push @{ $self->{times} }, [fault => $since] if $self->{times};

	# whoever waits for a fault to pass asks for the status, too
	my $until = now() + ($seconds // QUIET);

	wait_for(2 * QUIET, sub {
		$self->{nginx}->status();
		return now() > $until;
	});

	push @{ $self->{times} }, [quiet => $self->take(PROBES)];
}

# What came since the last call of these counts for nothing.
sub forget {
	my ($self) = @_;

	$self->take();
	push @{ $self->{times} }, [none => []] if $self->{times};
}

# opt: name; log => what to count lines in, instead of the log as it is
sub finish {
	my ($self, %o) = @_;
	my $name = $o{name} ? "$o{name}: " : '';
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$self->quiet();

	my ($ratio, $more) = $self->compare($name);
	my $bad = $self->{bad};

	is(scalar @$bad, 0, "${name}neighbours answer") or diag($bad->[0]);

	SKIP: {
		unmeasured(1);

		ok($ratio <= RATIO || $more <= FLOOR,
			"${name}neighbours are as fast as without it, p99")
			or diag("ratio $ratio, $more s more");
	}

	cmp_ok(busiest($self->{nginx}, 0, $o{log}), '<=', LINES,
		"${name}lines in the log, a minute and process");
	is($self->stop(), 0, "${name}the prober itself");
}

# returns: the medians of the ratios, and of what each took longer
sub compare {
	my ($self, $name) = @_;
	my @times = @{ $self->{times} };
	my (@pairs, @said);

	for my $i (grep { $times[$_][0] eq 'fault' } 0 .. $#times) {
		my @with = @{ $times[$i][1] };
		my @quiet = map { @{ $_->[1] } }
			grep { $_->[0] eq 'quiet' } @times[$i - 1, $i + 1];

		next if @with < PROBES;

		push @pairs, [p(0.99, @quiet), p(0.99, @with)];
		push @said, sprintf '%.2f/%.2f',
			map { 1000 * $_ } @{ $pairs[-1] };
	}

	die "no time with the fault is long enough\n" unless @pairs;

	my $ratio = median(map { $_->[1] / max($_->[0], 1e-6) } @pairs);
	my $more = median(map { $_->[1] - $_->[0] } @pairs);

	note("${name}neighbours, p99 in ms, quiet/with it: @said; "
		. sprintf 'median ratio %.2f', $ratio);

	return ($ratio, $more);
}

sub p {
	my ($q, @times) = @_;

	return (sort { $a <=> $b } @times)[$#times * $q];
}

sub median { return p(0.5, @_) }

# What came since the last call, with as many probes more as are asked for:
# what is under way began before.
# returns: the times of all
sub take {
	my ($self, $more) = @_;
	my @lines = $self->lines();
	my $wanted = $more && $more > @lines - $self->{taken}
		? $self->{taken} + $more : @lines + 2 * keys %sites;

	wait_for(3 * TIMEOUT, sub {
		@lines = $self->lines();
		return @lines >= $wanted;
	})
		or die "the prober hangs\n";

	my @new = map { [split / /, $_, 2] } @lines[$self->{taken} .. $#lines];

	$self->{taken} = @lines;
	$self->{new_bad} = [map { $_->[1] } grep { $_->[1] ne 'ok' } @new];
	push @{ $self->{bad} }, @{ $self->{new_bad} };

	return [map { $_->[0] } @new];
}

# The same as figures, for tests that look at each fault by itself.
# returns: { n, failed, said, p50, p99, max }, seconds; said: the first of
# those that failed
sub probes {
	my ($self) = @_;
	my $times = $self->take();
	my $bad = $self->{new_bad};

	push @{ $self->{times} }, [fault => $times] if $self->{times};

	return { n => scalar @$times, failed => scalar @$bad,
		said => $bad->[0], p50 => p(0.5, @$times),
		p99 => p(0.99, @$times), max => max(@$times) };
}

# a line that is only half there counts later
sub lines {
	my ($self) = @_;

	return KafkaWS::Nginx::read_file($self->{file}) =~ /^(.*)\n/mg;
}

# returns: how it ended, 0 is in order
sub stop {
	my ($self) = @_;

	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;

	return $?;
}

# The lines that the module, or a warning and worse of whomever, wrote into
# the error log within a minute: the most of any process.  What a client
# does (info) is its own affair, and what the test allows itself to cause.
# from: bytes of the log to leave out; log: another text instead
sub busiest {
	my ($nginx, $from, $log) = @_;
	my $most = 0;
	my %times;

	for my $line (split /\n/, substr $log // $nginx->log(),
		$from // 0)
	{
		my ($day, $time, $level, $pid, $text) = $line =~
			m{^([\d/]+) ([\d:]+) \[(\w+)\] (\d+)#\d+: (.*)} or next;

		next if $level =~ /^(?:info|debug)$/
			|| $level eq 'notice' && $text !~ /kafka ws/
			|| grep { $line =~ $_ } @{ $nginx->{allowed} };

		my ($y, $m, $d) = split m{/}, $day;
		my $at = timegm(reverse(split /:/, $time), $d, $m - 1, $y);
		my $t = $times{$pid} //= [];

		push @$t, $at;
		shift @$t while $t->[0] <= $at - 60;
		$most = @$t if @$t > $most;
	}

	return $most;
}

1;
