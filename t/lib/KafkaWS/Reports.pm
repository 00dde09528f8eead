package KafkaWS::Reports;

# What sanitizers and valgrind had to say of the nginx of one test.
#
#	my @lines = KafkaWS::Reports::of($dir);	# none: all is well

use warnings;
use strict;

# Opened once by the master, for its life and that of its children.
my $kept = qr/\bngx_kafka_ws_(?:wakeup|shm)_init_module\b/;

# dir: the test's folder, see KafkaWS::Nginx about its files
sub of {
	my ($dir) = @_;
	my @lines;

	for my $file (glob "$dir/sanitizer*") {
		my @found = grep { /\S/ } split /\n/, faults(content($file));
		my ($pid) = $file =~ /(\d+)$/;

		unshift @found, content("$dir/title.$pid") if @found && $pid;
		push @lines, @found;
	}

	push @lines, grep { /Sanitizer|runtime error|^\s+#\d|^==\d+==/ }
		split /\n/, content("$dir/stderr.log");

	return @lines;
}

# valgrind lists all descriptors that are open at the end of a process, most
# of them rightly.
# returns: the text without those
sub faults {
	my ($text) = @_;

	$text =~ s/^==\d+== FILE DESCRIPTORS: .*\n//mg;
	$text =~ s/^==\d+== (?:  )?(Open .*\n(?:==\d+== {2,}\S.*\n)*)/
		is_leak($1) ? $1 : ''/gme;
	$text =~ s/^==\d+== *\n//mg;

	return $text;
}

# by the stack that opened it; those of librdkafka go with the process, since
# to close its handle may block
sub is_leak {
	my ($opened) = @_;

	return $opened =~ /\bngx_kafka_ws_/ && $opened !~ /$kept|librdkafka/;
}

sub content {
	my ($file) = @_;

	open my $f, '<', $file or return '';
	local $/;

	return <$f> // '';
}

1;
